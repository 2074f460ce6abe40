"""Run in parliament's own environment: policies by place as JSON in, what it finds of each out.

https://github.com/duo-labs/parliament
"""

from __future__ import annotations

import json
import sys

from parliament import analyze_policy_string  # type: ignore[import-not-found]


def main() -> None:
    """Read from standard input, write to standard output."""
    found = [
        [place, one.issue, str(one.detail or one.location.get("actions", ""))]
        for place, policy in json.load(sys.stdin).items()
        for one in analyze_policy_string(
            json.dumps(policy), ignore_private_auditors=True, include_community_auditors=True
        ).findings
    ]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
