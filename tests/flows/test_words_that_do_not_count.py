"""A promotion that waits in the sandbox hears words that must not count, and then the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from github import Auth, Github
from github.PullRequestReview import PullRequestReview

from tests.flows.conftest import Become
from tests.flows.test_waiting_promotions import begun, due, records, waits, written
from tests.support.approvals import with_gates
from tests.support.aws import root_client
from tests.support.place import Place
from tests.support.templates import queue
from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.approvals.signed_words import (
    BODY,
    METHOD,
    SignedWord,
    signed_headers,
    unsigned_word,
)
from tiercel.domain.approvals.words import Voucher, Word, word_key
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.gates.holds import HoldEvent
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox.aws.journal import journal_size
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.github.reviews import read_reviews
from tiercel.tasks.records.holds import record_hold

OTHER = "12" * 32
PRINCIPAL = "arn:aws:iam::333333333333:user"
POSER = "poser-of-words"
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
"Principal": {"AWS": "arn:aws:iam::333333333333:root"}}]}"""


@dataclass(frozen=True)
class Scene:
    """What waits in Prod, and the people who say something of it."""

    sandbox: Sandbox
    place: Place
    names: Names
    own: Records
    waiting: WaitingPromotion
    earlier: str
    keys: dict[str, Credentials]

    def review(self, login: str, body: str, commit: str = "") -> PullRequestReview:
        assert self.sandbox.github
        return self._review(Auth.Token(self.sandbox.github.token(login)), body, commit)

    def review_of_app(self, body: str) -> PullRequestReview:
        assert self.sandbox.github
        app = self.sandbox.github.app
        auth = Auth.AppAuth(app.app_id, app.private_key)
        return self._review(auth.get_installation_auth(app.installation_id), body, "")

    def _review(self, auth: Auth.Auth, body: str, commit: str) -> PullRequestReview:
        assert self.sandbox.github
        with Github(auth=auth, base_url=self.sandbox.github.api_url, retry=None) as github:
            place = github.get_repo(self.place.repository.name)
            pull = place.get_pull(self.waiting.pull_request or 0)
            at = place.get_commit(commit or self.waiting.head_commit)
            return pull.create_review(commit=at, body=body, event="APPROVE")

    def offer(self, word: SignedWord) -> None:
        """Hand a word over, as whoever may become an approver's role can."""
        body = canonical_json(word.model_dump(mode="json"))
        create_object(self.own.access, self.own.bucket, word.key, body)

    def signed(
        self,
        who: str,
        digest: str = "",
        *,
        names: Names | None = None,
        ago: timedelta = timedelta(),
        approves: bool = True,
    ) -> SignedWord:
        """What `tiercel approve` would hand over, signed with somebody's keys some time ago."""
        keys, names = self.keys[who], names or self.names
        at = (datetime.now(UTC) - ago).strftime("%Y%m%dT%H%M%SZ")
        word = unsigned_word(digest or self.waiting.plan_digest, "fine", (), approves=approves)
        word = word.model_copy(update={
            "access_key": keys.access_key, "session_token": keys.token or "", "signed_at": at,
        })  # fmt: skip
        headers = signed_headers(word, names)
        request = AWSRequest(METHOD, f"https://{headers['host']}/", headers=headers, data=BODY)
        request.context["timestamp"] = at
        signer = SigV4Auth(keys, "sts", names.environment.region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return word.model_copy(update={"signature": signer.signature(text, request)})


def own_approval_by_who_asked(scene: Scene) -> None:
    scene.offer(scene.signed("asker"))


def an_author(scene: Scene) -> None:
    scene.review("bot", scene.waiting.plan_digest)


def an_earlier_head(scene: Scene) -> None:
    scene.review("reviewer", scene.waiting.plan_digest, scene.earlier)


def without_a_digest(scene: Scene) -> None:
    scene.review("reviewer", "LGTM")


def another_digest(scene: Scene) -> None:
    scene.review("reviewer", OTHER)


def a_digest_in_a_quote(scene: Scene) -> None:
    scene.review("reviewer", f"> {scene.waiting.plan_digest}\n\nno")


def edited(scene: Scene) -> None:
    given = scene.review("reviewer", "LGTM")
    # GitHub tells times in seconds: a change within the same one cannot be seen.
    name, number = scene.place.repository.name, scene.waiting.pull_request or 0
    while True:
        given.edit(scene.waiting.plan_digest)
        found = read_reviews.fn(name, number)[-1]
        if found.updated_at != found.submitted_at:
            return


def dismissed(scene: Scene) -> None:
    scene.review("reviewer", scene.waiting.plan_digest).dismiss("not so")


def a_bot(scene: Scene) -> None:
    scene.review_of_app(scene.waiting.plan_digest)


def outside_the_list(scene: Scene) -> None:
    scene.review("releaser", scene.waiting.plan_digest)
    scene.offer(scene.signed("stranger"))


def an_expired_word(scene: Scene) -> None:
    word = Word(
        plan_digest=scene.waiting.plan_digest, approves=True, by="pat", vouched_by=Voucher.AWS,
        account=f"{PRINCIPAL}/pat", reason="fine", at=datetime.now(UTC) - timedelta(hours=73),
        evidence="e" * 64,
    )  # fmt: skip
    body = canonical_json(word.model_dump(mode="json"))
    create_object(scene.own.access, scene.own.bucket, word_key(word), body)


def an_expired_signature(scene: Scene) -> None:
    scene.offer(scene.signed("pat", ago=timedelta(minutes=6)))


def a_signature_of_another_plan(scene: Scene) -> None:
    replayed = scene.signed("pat", OTHER)
    scene.offer(replayed.model_copy(update={"plan_digest": scene.waiting.plan_digest}))


def a_decline_that_was_turned_round(scene: Scene) -> None:
    scene.offer(scene.signed("pat", approves=False).model_copy(update={"approves": True}))


def another_host(scene: Scene) -> None:
    environment = scene.names.environment.model_copy(update={"region": "us-west-2"})
    scene.offer(scene.signed("pat", names=Names(scene.names.organization, environment)))


def another_environment(scene: Scene) -> None:
    environment = scene.names.environment.model_copy(update={"name": "preprod"})
    scene.offer(scene.signed("pat", names=Names(scene.names.organization, environment)))


def a_session_that_poses(scene: Scene) -> None:
    scene.offer(scene.signed("poser"))


ATTEMPTS: tuple[tuple[Callable[[Scene], None], ...], ...] = (
    (own_approval_by_who_asked, an_author, outside_the_list, an_expired_word, an_expired_signature,
     a_signature_of_another_plan, a_decline_that_was_turned_round, another_host,
     another_environment, a_session_that_poses),
    (a_bot,), (an_earlier_head,), (without_a_digest,), (another_digest,), (a_digest_in_a_quote,),
    (edited,), (dismissed,),
)  # fmt: skip
"""Those of one line stand beside each other; of one person the last review counts alone."""


@pytest.fixture
def keys(sandbox: Sandbox) -> Iterator[dict[str, Credentials]]:
    """People with users of IAM, and a role whose session anybody may call as he likes."""
    iam = root_client(sandbox, "prod-infrastructure-root", "iam")
    made = {}
    for name in ("asker", "pat", "stranger"):
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made[name] = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    role = iam.create_role(RoleName=POSER, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    sts = root_client(sandbox, "prod-infrastructure-root", "sts")
    session = sts.assume_role(RoleArn=role, RoleSessionName="pat")["Credentials"]
    made["poser"] = Credentials(
        session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    )
    yield made
    iam.delete_role(RoleName=POSER)
    for name, key in made.items():
        if name != "poser":
            iam.delete_access_key(UserName=name, AccessKeyId=key.access_key)
            iam.delete_user(UserName=name)


@contextmanager
def held(scene: Scene, become: Become) -> Iterator[None]:
    """The line of Prod, which everybody shares, is on hold."""

    def record(*, holds: bool) -> None:
        told: dict[str, Any] = {"number": 1, "everything": False, "by": "x", "reason": "x"}
        event = HoldEvent(**told, holds=holds, at=datetime.now(UTC))
        become("prod")
        record_hold.fn(scene.own, event)

    record(holds=True)
    try:
        yield
    finally:
        record(holds=False)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Demands a word of one of these approvers, by their accounts on GitHub and users of IAM."""

    def write(people: dict[str, str]) -> None:
        gates = "[environments.prod.gates]\napprovals = 1\n\n"
        for name, account in people.items():
            gates += "[[environments.prod.gates.approvers]]\n"
            gates += f'name = "{name}"\ngithub = {account}\naws = "{PRINCIPAL}/{name}"\n\n'
        monkeypatch.setenv("TIERCEL_CONFIG", str(with_gates(tmp_path, gates)))

    return write


def account_of(sandbox: Sandbox, login: str) -> int:
    assert sandbox.github
    token = Auth.Token(sandbox.github.token(login))
    with Github(auth=token, base_url=sandbox.github.api_url) as github:
        return github.get_user().id


def test_no_word_but_the_right_one_lets_a_promotion_go_on(
    sandbox: Sandbox,
    place: Place,
    become: Become,
    keys: dict[str, Credentials],
    topology: Topology,
    listed: Callable[[dict[str, str]], None],
) -> None:
    logins = {"asker": "author", "bob": "bot", "rae": "reviewer"}
    people = {name: str(account_of(sandbox, login)) for name, login in logins.items()}
    people["pat"] = "999999999"
    listed(people)
    place.merged("feature/words", {"inbox/template.json": queue(DelaySeconds=9)})
    assert sandbox.github
    with Github(
        auth=Auth.Token(sandbox.github.token("bot")), base_url=sandbox.github.api_url
    ) as github:
        pushed = github.get_repo(place.repository.name).create_file(
            "note", "Note", "by an author", branch="develop"
        )
    place.released_to_preprod(pushed["commit"].sha)
    earlier = place.pushed_anew("release/1.0.0", {"CHANGES": "one"})
    commit = place.merged("release/1.0.0", {"CHANGES": "two"}, base="main")
    before = journal_size(sandbox.journal)
    found = waits(place, become, commit)
    own = records(become)
    names = Names.of(topology, "prod")
    scene = Scene(sandbox, place, names, own, found.waiting, earlier, keys)

    for attempts in ATTEMPTS:
        become("prod")
        for attempt in attempts:
            attempt(scene)
        if a_bot in attempts:
            reviews = read_reviews.fn(place.repository.name, found.waiting.pull_request or 0)
            listed(people | {"robot": str(reviews[-1].user)})
        assert due(become) == [], [one.__name__ for one in attempts]
    assert waits(place, become, commit).waiting == found.waiting
    with held(scene, become):
        scene.review("reviewer", f"I have read {found.waiting.plan_digest}")
        scene.offer(scene.signed("pat"))
        assert due(become) == []
        assert begun(place, become, commit).is_failed()
    assert "ExecuteChangeSet" not in written(sandbox, before)

    (wanted,) = due(become)
    assert wanted.parameters["commit"] == commit
    assert wanted.subject[-1] == "approved by pat (aws), rae (github)"
    assert begun(place, become, commit).name == "Completed"
    assert written(sandbox, before).count("ExecuteChangeSet") == 1
