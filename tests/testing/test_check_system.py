"""Every registered system passes the suite, and every check can fail."""

import pytest

from noria.core import registry
from noria.testing import checks

ALL = [check for system in registry.systems().values() for check in checks(system)]


@pytest.mark.parametrize("check", ALL, ids=repr)
def test_system(check):
    check()
