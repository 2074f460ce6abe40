"""The last act of a change: Prod's plan is shown, waits for somebody's word, and is carried out.

Who asks for the release may not approve it. In the demo he tries: GitHub refuses his review of his
own pull request, and Tiercel the word that he signs as a user of AWS.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.cli.demo.stage import Stage
from tiercel.cli.demo.worker_file import APPROVER, ASKER
from tiercel.domain.approvals.signed_words import unsigned_word
from tiercel.domain.approvals.waiting import OpenWait
from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import WaitingError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.access import Access, Records, orchestrator
from tiercel.domain.organization.names import Names, Role
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.release.results import Released
from tiercel.sandbox.accounts.credentials import APPROVER as APPROVERS_USER
from tiercel.tasks.aws.word_signatures import signed_word
from tiercel.tasks.records.promotion_plans import read_open_wait
from tiercel.tasks.records.words import hand_over
from tiercel.tasks.source.topology_file import read_topology

_PROD = "prod"
_WHO = "tiercel-demo"


@dataclass(frozen=True)
class _Promotion:
    """One commit on its way to Prod."""

    stage: Stage
    names: Names
    commit: str

    def tried(self) -> dict[str, Released] | str:
        """Run the promotion to its end; what is missing if it waits for somebody's word."""
        try:
            return self.stage.run(promote_to_prod, commit=self.commit)
        except WaitingError as error:
            return error.why

    def waiting(self) -> OpenWait:
        """Return what Prod's ledger says is waited for."""
        records = Records(orchestrator(self.names, _WHO), self.names.artifact_bucket)
        found: OpenWait | None = read_open_wait.fn(records, self.stage.repository)
        if found is None or found.waiting.pull_request is None:
            raise self.stage.unexpected("a promotion of a release pull request to wait")
        return found

    def asker_approves(self, found: OpenWait) -> None:
        """Let who asked for the release approve it in both ways that there are."""
        digest, number = found.plan.digest, found.waiting.pull_request or 0
        self.stage.output.step(f"The {ASKER}, who asked for it, approves plan {short(digest)}")
        said = self.stage.team.review(number, ASKER, digest)
        self._signed(digest)
        why = self.tried()
        if not said or not isinstance(why, str):
            raise self.stage.unexpected("the asker's own approval to be refused")
        self.stage.output.done(f"a review on #{number} is refused by GitHub: {said}")
        self.stage.output.done(f"a word that AWS vouches for does not count: {why}")
        self.stage.refused.append({"by": ASKER, "plan": digest, "review": said, "word": why})

    def another_approves(self, found: OpenWait) -> None:
        """Let somebody else approve what was shown, in a review of the release pull request."""
        digest, number = found.plan.digest, found.waiting.pull_request or 0
        self.stage.output.step(f"The {APPROVER} approves plan {short(digest)} in a review")
        if self.stage.team.review(number, APPROVER, f"Looked at it: {digest}"):
            raise self.stage.unexpected("GitHub to take the review")
        self.stage.output.done(f"#{number} has a review of {APPROVER} with the digest")
        self.stage.approved.append({"by": APPROVER, "plan": digest, "pull_request": number})

    def _signed(self, digest: str) -> None:
        """Do what `tiercel approve prod DIGEST` does, as the asker's own user of AWS."""
        names = self.names
        self.stage.become(f"{_PROD}-{APPROVERS_USER}")
        word = signed_word.fn(unsigned_word(digest, "I want it", (), approves=True), names)
        access = Access(names.role_arn(Role.APPROVER), names.environment.region, _WHO)
        hand_over.fn(Records(access, names.artifact_bucket), word)
        self.stage.become(_PROD)


def promote(stage: Stage, commit: str, *, asker_tries: bool = False) -> None:
    """Promote a commit of Prod's branch, with another person's word if it changes anything."""
    stage.output.step(f"Promote {short_commit(commit)} to Prod")
    stage.become(_PROD)
    promotion = _Promotion(stage, Names.of(read_topology(stage.config), _PROD), commit)
    released = promotion.tried()
    if isinstance(released, str):
        found = promotion.waiting()
        stage.output.done(f"it waits: its plan stands on #{found.waiting.pull_request}")
        if asker_tries:
            promotion.asker_approves(found)
        promotion.another_approves(found)
        released = promotion.tried()
    if isinstance(released, str):
        raise stage.unexpected("the other person's approval to count", released)
    stage.by_hand("promote", stage.repository, commit)
    stage.live[_PROD] = released
    stage.become("preprod")
