"""What jobs end with, compared with files; what differs from run to run is masked."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from tests.actions.act import ActedJob

_FOLDER = Path(__file__).parent / "expected"
_OUTPUTS = ("result", "run-url", "release", "environment-url")
WRITTEN: list[Path] = []
"""Files that were missing: somebody has to read whether they are right."""
_MASKS = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN"),
    (r"http://127\.0\.0\.1:[0-9]+", "http://SERVER"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"\b[0-9a-f]{12}\b", "SHORT-DIGEST"),
    (r"\b(?=[0-9]*[a-f])[0-9a-f]{7}\b|\b[0-9]{7}\b", "SHORT"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]+(Z| UTC)?", "TIME"),
    (r"\b[0-9]+(\.[0-9]+)? (s|min|seconds)\b", "DURATION"),
    (r"acme(\\?)-ephemeral(\\?)-[a-z0-9]+", "acme-ephemeral-NAME"),
    (r"\b(ephemeral/|environment )?pr[0-9]+x[a-z0-9]{6}\b", "NAME"),
    (r"\b[0-9A-F]{13}\b", "UNIQUE"),
    (r"#[0-9]+\b|(?<=pull/)[0-9]+", "#N"),
    (r"\b[0-9]{1,2} [A-Z][a-z]+ [0-9]{2}:[0-9]{2} UTC", "TIME"),
)


def told(job: ActedJob) -> str:
    """The job's outputs, annotations and summary, as a file has them."""
    outputs = [f"{name}: {job.output(name)}".rstrip() for name in _OUTPUTS]
    code = "succeeded" if job.code == 0 else "failed"
    parts = [f"job: {code}", *outputs, *job.annotations, "", job.summary.strip()]
    text = "\n".join(parts).rstrip() + "\n"
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text


def compare(job: ActedJob, name: str) -> None:
    """Compare a job with its file; a file that is missing is written, and the session fails."""
    path = _FOLDER / f"{name}.md"
    found = told(job)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
        WRITTEN.append(path)
    wanted = path.read_text()
    differs = difflib.unified_diff(wanted.splitlines(), found.splitlines(), path.name, "found")
    assert found == wanted, "\n".join([*differs, "", job.text])
