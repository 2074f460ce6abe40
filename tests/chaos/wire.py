"""What lies between the product and AWS: calls are counted, named, and met with harm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from tests.tasks.faults import Answer, Question

READS = ("Assume", "Describe", "Get", "Head", "Invoke", "List")
Ask = Callable[[], Answer]
Harm = Callable[[Question, Ask], Answer | None]


def operation_of(question: Question) -> str:
    """The name of an operation, as AWS's own API has it."""
    if question.target:
        return question.target.partition(".")[2]
    form = parse_qs(question.body.decode("utf-8", "replace"))
    if "Action" in form:
        return form["Action"][0]
    target = urlsplit(question.path)
    if target.path.endswith("/invocations"):
        return "Invoke"
    if "list-type=2" in target.query:
        return "ListObjectsV2"
    return f"{question.method.capitalize()}Object"


def is_mutating(question: Question) -> bool:
    return not operation_of(question).startswith(READS)


def describe(question: Question) -> str:
    """Operation and object, for the name of a case."""
    path = unquote(urlsplit(question.path).path)
    return f"{operation_of(question)} {path}" if len(path) > 1 else operation_of(question)


@dataclass
class Wire:
    """Does harm to the calls that `chosen` picks by their number among those that `counts`.

    Numbers begin with 1. `met` says what was harmed, `seen` what was counted.
    """

    harm: Harm
    number: int
    counts: Callable[[Question], bool] = lambda _: True
    met: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, question: Question, ask: Ask) -> Answer | None:
        if not self.counts(question):
            return ask()
        with self._lock:
            self.seen.append(describe(question))
            harmed = len(self.seen) == self.number
            if harmed:
                self.met.append(describe(question))
        return self.harm(question, ask) if harmed else ask()


def nothing(_: Question, ask: Ask) -> Answer:
    return ask()


def lose_answer(_: Question, ask: Ask) -> None:
    """The call takes effect, and nobody hears of it."""
    ask()


def reset(_: Question, _ask: Ask) -> None:
    """The connection ends before AWS knows of the call."""


def break_off(_: Question, ask: Ask) -> Answer:
    """The call takes effect, and its answer ends in the middle."""
    answer = ask()
    length = len(answer.body)
    if not length:
        return answer
    return Answer(answer.status, answer.headers, answer.body[: length // 2], claimed_length=length)


def saying(code: str, status: int) -> Harm:
    """AWS refuses the call with this error, in the words of the service's protocol."""

    def harm(question: Question, _: Ask) -> Answer:
        if operation_of(question) == "Invoke":
            body = f'{{"Type": "Service", "message": "chaos says {code}"}}'
            headers = (("content-type", "application/json"), ("x-amzn-errortype", code))
            return Answer(status, headers, body.encode())
        if question.target:
            body = f'{{"__type": "{code}", "message": "chaos says {code}"}}'
            return Answer(status, (("content-type", "application/x-amz-json-1.1"),), body.encode())
        text = f"<Code>{code}</Code><Message>chaos says {code}</Message>"
        xml = (("content-type", "text/xml"),)
        if b"Action=" in question.body:
            body = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
            return Answer(status, xml, body.encode())
        error = b"" if question.method == "HEAD" else f"<Error>{text}</Error>".encode()
        return Answer(status, xml, error)

    return harm
