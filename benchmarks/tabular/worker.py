"""One fit in one fresh process, in the tool's environment: ``python -m benchmarks.tabular.worker JOB.json``.

Writes ``result.json`` (timings, sizes, versions) and ``predictions.npz`` beside it; the parent scores them,
so that one scorer serves all tools.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path

from benchmarks._common import disk_bytes, latency, machine, throughput, versions
from benchmarks.tabular.tools import Job, make

__all__ = ["main"]

_BATCH = 20_000


def _cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(path: Path) -> None:
    """Fit, predict, time, save, as the job in the file says."""
    warnings.filterwarnings("ignore")
    job = Job(**json.loads(path.read_text()))
    out, record = Path(job.out), {"machine": machine()}
    before = time.monotonic()
    tool = make(job)
    tool.load()
    record["import_s"] = time.monotonic() - before
    train, test = tool.read(job.train), tool.read(job.test)

    cpu, start = _cpu(), time.monotonic()
    tool.fit(train)
    end = time.monotonic()
    record |= {"fit_start": start, "fit_end": end, "fit_s": end - start, "fit_cpu_s": _cpu() - cpu}
    unit = 1 if sys.platform == "darwin" else 1024
    record["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    record["load_after"] = machine()["load"]

    import numpy as np

    left = tool.left()
    record["bytes_left"] = disk_bytes(left) if left else 0
    tool.ready()
    features = tool.features(test)
    predicted = np.asarray(tool.predict(features), dtype=float)
    classes = [] if job.task == "regression" else tool.classes()
    np.savez(out / "predictions.npz", predicted=predicted, classes=np.asarray(classes, dtype=str))
    record["one_row"] = {name: latency(calls) for name, calls in tool.single(features, job.one_row).items()}
    record["batch_rows_s"] = throughput(tool.predict, tool.repeat(features, _BATCH))
    saved = Path(job.work) / "saved"
    tool.save(saved)
    record |= {"bytes": disk_bytes(saved), "versions": versions(tool.packages), "about": tool.about()}
    (out / "result.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
