"""Reads, when it is imported, what every run would read: what botocore has to know of AWS.

For the process that is forked for runs, which can be told what to import and nothing else.
"""

from __future__ import annotations

from tiercel.tasks.aws.clients import read_descriptions

read_descriptions()
