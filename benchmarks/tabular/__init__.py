"""Quality at equal time on tables: Noria, FLAML, AutoGluon and three floors, in one harness."""
