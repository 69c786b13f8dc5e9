"""``python -m benchmarks.tabular run`` and ``report``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks._common import environment, say
from benchmarks.tabular.harness import Plan, available, expand, run
from benchmarks.tabular.report import render
from benchmarks.tabular.sets import resolve

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="iris for 3 s with whatever is installed, then its report"
    )
    parser.add_argument(
        "--envs", help="folder of the peers' environments (NORIA_BENCH_ENVS, ~/.cache/noria-bench)"
    )
    verbs = parser.add_subparsers(dest="verb")
    runs = verbs.add_parser("run", help="fit; what is already in the folder is skipped")
    runs.add_argument(
        "--tools", default="noria,flaml,autogluon,floors", help="autogluon:PRESET names a preset"
    )
    runs.add_argument("--sets", default="all", help="names, eleven, or all")
    runs.add_argument("--seeds", default="0,1,2,3,4")
    runs.add_argument("--budget", type=float, default=60.0, help="seconds per fit")
    runs.add_argument("--retry", action="store_true", help="run failed fits again")
    runs.add_argument("--envs", default=argparse.SUPPRESS)
    runs.add_argument("--out", type=Path, required=True)
    reports = verbs.add_parser("report", help="print the tables as Markdown")
    reports.add_argument("--budget", type=float, default=60.0)
    reports.add_argument("--subject", default="noria", help="the tool that the others are compared with")
    reports.add_argument("--out", type=Path, required=True)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Run or report, as the command line says."""
    parser = _parser()
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit that still ends the fit that is running
    envs = environment(given.envs)
    if given.smoke:
        _smoke(envs)
    elif given.verb == "run":
        tools = expand(given.tools)
        absent = [tool for tool in tools if not available(tool, envs)]
        if absent:
            raise SystemExit(
                f"Not installed: {', '.join(absent)}. For a peer run: sh benchmarks/make_env.sh NAME {envs}"
            )
        seeds = tuple(int(seed) for seed in given.seeds.split(","))
        run(Plan(tools, tuple(resolve(given.sets)), seeds, given.budget, given.out, envs, given.retry))
    elif given.verb == "report":
        print(render(given.out, given.budget, given.subject), end="")
    else:
        parser.error("say run or report, or --smoke")


def _smoke(envs: Path) -> None:
    """Prove the harness in a minute: iris, 3 s, whichever tools are installed; any failed fit fails it."""
    tools = tuple(tool for tool in expand("noria,flaml,autogluon,floors") if available(tool, envs))
    say(f"installed: {', '.join(tools)}")
    with tempfile.TemporaryDirectory(prefix="noria-bench-") as folder:
        plan = Plan(tools, ("iris",), (0,), 3.0, Path(folder), envs, one_row=20)
        run(plan)
        page = render(plan.out, plan.budget)
    print(page, end="")
    if "## Failed fits" in page:
        raise SystemExit("A fit failed.")


if __name__ == "__main__":
    main()
