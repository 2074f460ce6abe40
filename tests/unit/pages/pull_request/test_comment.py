from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.topology import topology_of
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.pages.pull_request.comment import COMMENT_MARKER, LONGEST_COMMENT, comment
from tiercel.domain.review.comparison import Comparison, Rename, SettingChange
from tiercel.domain.review.promotions import promotion_status
from tiercel.domain.review.statuses import (
    Status,
    StatusState,
    status_of,
    summary_status,
)
from tiercel.domain.review.templates.template_permissions import PermissionChange
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict, stacks_left
from tiercel.domain.stack.needed_actions import Lack, RoleCheck
from tiercel.domain.stack.plan import Change

# GitHub adds tables to CommonMark; automatic links are looked for in test_markdown.py.
JUDGE = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HEAD = "a" * 40
VERIFIED = status_of("", StatusState.SUCCESS, "verified: 1 built, 0 unchanged")
HARMLESS = {
    "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text",
    "code_inline", "fence", "table_open", "table_close", "thead_open", "thead_close",
    "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open", "th_close", "td_open",
    "td_close",
}  # fmt: skip
LISTS = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}


def tokens(markdown: str) -> list[Token]:
    def flat(found: list[Token]) -> list[Token]:
        return [part for token in found for part in (token, *flat(token.children or []))]

    return flat(JUDGE.parse(markdown))


def count(markdown: str, kind: str) -> int:
    return sum(token.type == kind for token in tokens(markdown))


def verdict(
    service: str = "orders",
    description: str = "built and tested",
    *changes: Change,
    details: str = "",
) -> ServiceVerdict:
    found = status_of(service, StatusState.SUCCESS, description, details)
    return ServiceVerdict(service=service, status=found, changes=changes)


def change(name: str = "Queue", kind: str = "AWS::SQS::Queue", *properties: str) -> Change:
    return Change(action="Modify", logical_id=name, resource_type=kind, properties=properties)


def test_the_comment_of_a_success_reads_so() -> None:
    queue = change("Queue", "AWS::SQS::Queue", "DelaySeconds", "Tags")
    role = Change(action="Add", logical_id="Role", resource_type="AWS::IAM::Role")
    assert comment(
        VERIFIED, Reviewed([verdict("orders", "built and tested", queue, role)]), HEAD
    ) == (
        "### ✅ verified: 1 built, 0 unchanged\n\n"
        "| service |  | result |\n| --- | --- | --- |\n| orders | ✅ | built and tested |\n\n"
        "#### What a merge would change, from the text\n\n"
        "| service | action | resource | type | properties |\n| --- | --- | --- | --- | --- |\n"
        "| orders | changed | `Queue` | AWS::SQS::Queue | DelaySeconds, Tags |\n\n"
        "From the templates' text, which does not say what is replaced.\n\n"
        "#### Permissions that it would change\n\n"
        "| service | action | resource | type | properties |\n| --- | --- | --- | --- | --- |\n"
        "| orders | added | `Role` | AWS::IAM::Role |  |\n\n"
        "Commit `aaaaaaa`; its statuses link to the flow run.\n"
    )


def test_the_comment_of_a_refusal_has_its_reason_and_no_tables() -> None:
    closed = status_of(
        "", StatusState.ERROR, "the pull request is closed", "Reopen it to verify it."
    )
    assert comment(closed, Reviewed(), HEAD) == (
        "### ⚠️ the pull request is closed\n\n````text\nReopen it to verify it.\n````\n\n"
        "Commit `aaaaaaa`; its statuses link to the flow run.\n"
    )


def test_no_change_has_no_heading_for_changes() -> None:
    assert "merge would change" not in comment(VERIFIED, Reviewed([verdict()]), HEAD)


def test_only_permissions_have_no_empty_table_of_others() -> None:
    text = comment(VERIFIED, Reviewed([verdict("a", "b", change("Role", "AWS::IAM::Role"))]), HEAD)
    assert text.count("| service | action |") == 1


@pytest.mark.parametrize("state", StatusState)
def test_every_state_has_a_sign(state: StatusState) -> None:
    whole = status_of("", state, "so")
    assert comment(whole, Reviewed(), HEAD).startswith("### ")


@pytest.mark.parametrize(
    "text",
    [
        "````",
        "`````\n# out",
        "```\n</details>",
        "~~~~\n<script>",
        "a\n````\n\n@acme/everyone",
        "\u202e\x1b[2J\r````\r",
    ],
)
def test_a_text_does_not_leave_its_block(text: str) -> None:
    failed = status_of("", StatusState.FAILURE, "failed", text)
    found = comment(failed, Reviewed([verdict(details=text)]), HEAD)
    assert count(found, "fence") == 2
    assert {token.type for token in tokens(found)} <= HARMLESS
    assert not {"\u202e", "\x1b", "\r"} & set(found)


def test_a_long_text_is_cut_and_that_is_said() -> None:
    exact, long = "x" * 4_000, "x" * 4_001
    assert "the rest is in the log" not in comment(
        VERIFIED, Reviewed([verdict(details=exact)]), HEAD
    )
    found = comment(VERIFIED, Reviewed([verdict(details=long)]), HEAD)
    assert "x\n(the rest is in the log of the flow run)\n````" in found


def test_a_tab_keeps_words_apart() -> None:
    assert "a b" in comment(VERIFIED, Reviewed([verdict(details="a\tb")]), HEAD)


def test_rows_and_reasons_that_have_no_room_are_counted() -> None:
    many = [verdict(f"service-{n}", "x" * 200, details="y" * 3_000) for n in range(100)]
    found = comment(VERIFIED, Reviewed(many), HEAD)
    rows, blocks = count(found, "tr_open") - 1, count(found, "fence")
    assert 20 < rows < 100
    assert 3 < blocks < 100
    assert f"\n\nand {100 - rows} more\n\n" in found
    assert f"\n\nand {100 - blocks} more: see the log of the flow run\n\n" in found


def test_permissions_have_their_room_however_much_else_changes() -> None:
    others = [change(f"Queue{n}", "AWS::SQS::Queue", "x" * 200) for n in range(500)]
    found = comment(
        VERIFIED,
        Reviewed([verdict("a", "b", *others, change("Secret", "AWS::IAM::Role"))]),
        HEAD,
    )
    assert "| `Secret` | AWS::IAM::Role |" in found


nasty = st.text(max_size=40) | st.lists(
    st.sampled_from(["`", "```", "````", "|", "\n", "\r", "<b>", "<!--", "-->", "](x)", "[", "@a",
                     "https://e.example", "#", "&", "\\", "~~~~", "\u202e", "\x1b[0m", "---", "a"]),
    max_size=20,
).map("".join)  # fmt: skip
changes = st.builds(
    Change,
    action=st.sampled_from(["Add", "Modify", "Remove"]),
    logical_id=nasty,
    resource_type=nasty | st.just("AWS::IAM::Role"),
    properties=st.lists(nasty, max_size=3).map(tuple),
)
checks = st.builds(
    Status, subject=nasty, state=st.sampled_from(StatusState), description=nasty, details=nasty
)
verdicts = st.builds(
    ServiceVerdict, service=nasty, status=checks, changes=st.lists(changes, max_size=3).map(tuple)
)


@given(checks, st.lists(verdicts, max_size=3), nasty)
def test_nothing_from_outside_means_anything_to_markdown_or_html(
    whole: Status, found: list[ServiceVerdict], head: str
) -> None:
    text = comment(whole, Reviewed(found), head)
    assert {token.type for token in tokens(text)} <= HARMLESS
    details = [one for one in (whole, *(v.status for v in found)) if one.details]
    assert count(text, "fence") == len(details)
    shown = len(found) + sum(len(v.changes) for v in found)
    assert count(text, "tr_open") == shown + count(text, "table_open")
    assert all(character.isprintable() or character in "\n\u2060\ufe0f" for character in text)
    assert COMMENT_MARKER not in text


@pytest.mark.parametrize("letter", ["&", "@", "\\", "|", "x", "`", "\U0001f980"])
@pytest.mark.parametrize(("services", "resources"), [(1, 0), (1, 60), (60, 0), (20, 20)])
def test_with_its_marker_it_is_never_longer_than_github_takes(
    letter: str, services: int, resources: int
) -> None:
    long = letter * 5_000
    one, role = change(long, long, long), change(long, "AWS::IAM::Role", long)
    whole = status_of("", StatusState.FAILURE, long, long)
    needed = PermissionChange(needed=("service:DoSomethingWithAVeryLongName",) * 100)
    found = verdict(long, long, *[one, role] * resources, details=long)
    many = [found.model_copy(update={"permissions": needed})] * services
    text = f"{COMMENT_MARKER}\n{comment(whole, Reviewed(many), long)}"
    assert len(text) <= LONGEST_COMMENT
    assert {token.type for token in tokens(text)} - {"html_block"} <= HARMLESS
    assert text.endswith("its statuses link to the flow run.\n")


def test_the_comment_says_what_the_service_role_will_need_and_lacks() -> None:
    lack = Lack(
        logical_id="Stream",
        resource_type="AWS::Kinesis::Stream",
        certain=("kinesis:CreateStream",),
        possible=("kinesis:TagResource",),
        seldom=("kms:CreateGrant",),
    )
    permissions = PermissionChange(
        needed=("kinesis:CreateStream",),
        no_longer=("sqs:CreateQueue",),
        check=RoleCheck(lacks=(lack,)),
    )
    text = comment(
        VERIFIED,
        Reviewed([verdict().model_copy(update={"permissions": permissions})]),
        HEAD,
    )
    assert (
        "#### What the service role will need\n\n"
        "orders: The service role will need: `kinesis:CreateStream`; "
        "no longer needs: `sqs:CreateQueue`; **lacks**: `kinesis:CreateStream`; "
        "may lack: `kinesis:TagResource`." in text
    )


def test_many_needed_actions_of_many_services_are_counted_and_fit() -> None:
    needed = tuple(f"service:Action{number}" for number in range(100))
    one = verdict().model_copy(update={"permissions": PermissionChange(needed=needed)})
    text = comment(VERIFIED, Reviewed([one] * 50), HEAD)
    assert "`service:Action19` and 80 more." in text
    assert "more services" in text
    assert len(COMMENT_MARKER) + len(text) < LONGEST_COMMENT


def test_a_service_that_needs_nothing_new_of_the_role_is_not_mentioned() -> None:
    assert "service role" not in comment(VERIFIED, Reviewed([verdict()]), HEAD)


def setting(service: str, key: str, before: str, after: str) -> SettingChange:
    return SettingChange(service=service, key=key, before=before, after=after)


def test_what_a_merge_changes_beside_sources_is_shown() -> None:
    found = Comparison(
        settings=(setting("orders", "test", '["make"]', '["false"]'),),
        beside=(setting("", "environments.prod.trusts", "", '["*"]'),),
        new=("sales", "mail"),
        gone=("billing", "post"),
        renamed=(Rename(before="post", after="mail"),),
    )
    left = stacks_left(topology_of(), found.gone)
    promotion = promotion_status("prod", "1.4.1", [])
    text = comment(VERIFIED, Reviewed([verdict()], [promotion], found, left), HEAD)
    assert '| orders | `test` | `["make"]` | `["false"]` |' in text
    assert '|  | `environments.prod.trusts` | (not given) | `["*"]` |' in text
    assert "| promotion to prod | ✅ | would be released as 1.4.1 |" in text
    assert "- `billing` is dropped." in text
    assert "- `post` is called `mail` from then on" in text
    assert "- `sales` is new." in text
    assert text.count("delete-stack --stack-name acme-preprod-") == 2
    assert text.count("--no-enable-termination-protection --stack-name acme-prod-") == 2
    assert {token.type for token in tokens(text)} <= HARMLESS | LISTS


def test_all_that_a_promotion_would_refuse_is_told_at_once() -> None:
    refused = [RefusedInputError("a.a", "one thing"), RefusedInputError("b.b", "another")]
    promotion = promotion_status("prod", "", refused)
    whole = summary_status([], [promotion])
    assert (whole.state, whole.description) == (StatusState.FAILURE, "failed: promotion to prod")
    text = comment(whole, Reviewed([], [promotion]), HEAD)
    assert "| promotion to prod | ❌ | one thing; another |" in text
    assert count(text, "fence") == 1


def test_a_base_that_cannot_be_read_is_told() -> None:
    assert "nothing is compared" in comment(VERIFIED, Reviewed([verdict()], comparison=None), HEAD)


settings = st.builds(SettingChange, service=nasty, key=nasty, before=nasty, after=nasty)
comparisons = st.builds(
    Comparison,
    settings=st.lists(settings, max_size=2).map(tuple),
    beside=st.lists(settings, max_size=2).map(tuple),
)


@given(comparisons, nasty)
def test_no_setting_means_anything_to_markdown_or_html(found: Comparison, reason: str) -> None:
    refused = [RefusedInputError("a.a", reason, why=reason)]
    review = Reviewed(promotions=[promotion_status("prod", "", refused)], comparison=found)
    text = comment(VERIFIED, review, HEAD)
    assert {token.type for token in tokens(text)} <= HARMLESS
    assert COMMENT_MARKER not in text


@pytest.mark.parametrize("letter", ["&", "@", "\\", "|", "\U0001f980"])
def test_however_much_is_said_it_is_never_longer_than_github_takes(letter: str) -> None:
    long = letter * 5_000
    every = tuple(setting(long, long, long, long) for _ in range(500))
    names = tuple(f"service-{number:030}" for number in range(100))
    one, role = change(long, long, long), change(long, "AWS::IAM::Role", long)
    whole = status_of("", StatusState.FAILURE, long, long)
    found = verdict(long, long, *[one, role] * 50, details=long)
    needed = PermissionChange(needed=("service:DoSomethingWithAVeryLongName",) * 100)
    many = [found.model_copy(update={"permissions": needed})] * 50
    refused = [RefusedInputError("a.a", long, why=long)] * 5
    review = Reviewed(
        many,
        [promotion_status("prod", "", refused)],
        Comparison(settings=every, beside=every, new=names, gone=names),
        stacks_left(topology_of(), names),
    )
    text = f"{COMMENT_MARKER}\n{comment(whole, review, long)}"
    assert len(text) <= LONGEST_COMMENT
    assert text.endswith("its statuses link to the flow run.\n")
