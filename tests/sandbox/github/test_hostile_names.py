from __future__ import annotations

import json

import pytest
from github.ContentFile import ContentFile

from tests.sandbox.github.support import Place, eventually, git
from tests.sandbox.github.webhook_receiver import WebhookReceiver

BRANCHES = [
    "feature/$(touch${IFS}x)",
    "feature/`id`;reboot&&x|y>z",
    "feature/'quoted\"",
    "feature/%2e%2e%2Fx#y;z&a=b+c",
    "feature/${{github.token}}",
    "zweig/ä-日本-\u202egnp",
    "feature/--upload-pack=x",
    "pull/1/head",
]
PATHS = [
    "a\nb.txt",
    "$(touch x).txt",
    "tab\there.txt",
    'quo"te.txt',
    "-rf",
    "ä/日本.txt",
    ":(glob)*.txt",
    "a,b c.txt",
    "\u202egnp.exe",
]
TITLES = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1)) **bold** `code`",
    "\u202eevil \u2066text",
    "::set-output name=x::y",
    "line\nbreak",
    "$(touch x) ${{ secrets.X }}",
]


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_hostile_branch_name_works_from_the_push_to_the_merge(
    place: Place, branch: str, receiver: WebhookReceiver
) -> None:
    config = {"url": f"{receiver.url}/{place.name}", "content_type": "json"}
    place.repo("releaser").create_hook("web", config, ["*"], active=True)

    pull = place.pull(branch, {"a.txt": "a\n"})
    repo = place.repo()

    assert repo.get_branch(branch).commit.sha == pull.head.sha
    assert branch in [found.name for found in repo.get_branches()]
    assert repo.get_git_ref(f"heads/{branch}").object.sha == pull.head.sha
    assert next(found.sha for found in repo.get_commits(sha=branch)) == pull.head.sha
    assert repo.compare("main", branch).ahead_by == 1
    file = repo.get_contents("a.txt", ref=branch)
    assert isinstance(file, ContentFile)
    assert file.decoded_content == b"a\n"
    repo.get_commit(pull.head.sha).create_status("success", context="ci")
    deployed = repo.create_deployment(branch, auto_merge=False, required_contexts=[])
    assert deployed.ref == branch
    assert pull.merge().merged
    assert f"from acme/{branch}" in place.bare("log", "-1", "--format=%B", "main")
    place.push("--delete", branch)
    pushed = eventually(
        lambda: [
            item.payload["ref"]
            for item in receiver.at(f"/{place.name}", "push")
            if item.payload["deleted"]
        ]
    )
    assert pushed == [f"refs/heads/{branch}"]


def test_a_hostile_branch_is_protected_like_any_other(place: Place) -> None:
    branch = BRANCHES[0]
    place.branch(branch, {"a.txt": "a\n"})
    place.repo("releaser").get_branch(branch).edit_protection(required_approving_review_count=1)
    git(place.tree, "checkout", "--quiet", branch)
    place.commit({"b.txt": "b\n"})
    code, said = place.try_push(branch)
    assert (code, f"update failed for refs/heads/{branch}." in said) == (1, True)
    assert place.repo().get_branch(branch).protected


@pytest.mark.parametrize("path", PATHS)
def test_a_hostile_path_works_from_the_push_to_the_diff(
    place: Place, path: str, receiver: WebhookReceiver
) -> None:
    config = {"url": f"{receiver.url}/{place.name}", "content_type": "json"}
    place.repo("releaser").create_hook("web", config, ["push"], active=True)
    place.branch("feature", {path: "one\n", "other.txt": "x\n"})
    pull = place.open("feature")

    files = {file.filename: file for file in pull.get_files()}
    assert set(files) == {path, "other.txt"}
    assert files[path].patch == "@@ -0,0 +1 @@\n+one"
    file = place.repo().get_contents(path, ref="feature")
    assert isinstance(file, ContentFile)
    assert (file.path, file.decoded_content) == (path, b"one\n")
    assert [commit.sha for commit in place.repo().get_commits(sha="feature", path=path)] == [
        pull.head.sha
    ]
    tree = place.repo().get_git_tree("feature", recursive=True).tree
    assert path in [item.path for item in tree]
    (push,) = eventually(lambda: receiver.at(f"/{place.name}", "push"))
    assert path in push.payload["commits"][0]["added"]
    written = place.repo().update_file(path, "Write", b"two\n", file.sha, branch="feature")
    content = written["content"]
    assert isinstance(content, ContentFile)
    assert content.path == path


@pytest.mark.parametrize("text", TITLES)
def test_hostile_texts_come_back_as_they_were_sent(
    place: Place, text: str, receiver: WebhookReceiver
) -> None:
    config = {"url": f"{receiver.url}/{place.name}", "content_type": "json"}
    place.repo("releaser").create_hook("web", config, ["pull_request"], active=True)
    pull = place.pull("feature", {"a.txt": "a\n"}, title=text, body=text)
    comment = pull.create_issue_comment(text)
    assert (pull.title, pull.body, comment.body) == (text, text, text)
    assert place.repo().get_pull(1).title == text
    (opened,) = eventually(lambda: receiver.at(f"/{place.name}", "pull_request"))
    assert opened.payload["pull_request"]["title"] == text
    assert json.loads(opened.raw)["pull_request"]["body"] == text
    merged = pull.merge()
    assert text.split("\n", maxsplit=1)[0] in place.bare("log", "-1", "--format=%B", merged.sha)


@pytest.mark.parametrize(
    "name", ["\u202eevil", "Robert'); DROP TABLE records;--", "名前", "<b>x</b>", "a\tb"]
)
def test_hostile_authors_are_shown_as_git_has_them(place: Place, name: str) -> None:
    email = "\u202ex@evil"
    identity = ("-c", f"user.name={name}", "-c", f"user.email={email}")
    git(place.tree, *identity, "commit", "--quiet", "--allow-empty", "--message=By somebody")
    place.push("main")
    commit = place.repo().get_commit("main")
    shown = git(place.tree, "log", "-1", "--format=%an").rstrip("\n")
    assert (commit.commit.author.name, commit.commit.author.email) == (shown, email)
    assert commit.author is None


def test_a_user_with_a_hostile_name_merges(place: Place) -> None:
    login = f"evil-{place.name.partition('-')[2]}"
    place.stand_in.control("POST", "/users", login=login, role="write", name="\u202eEvil <x@y>\n")
    place.pull("feature", {"a.txt": "a\n"})
    token = place.stand_in.token(login)
    with place.stand_in.http(token) as http:
        answer = http.put(f"/repos/{place.name}/pulls/1/merge")
    assert answer.status_code == 200
    sha = answer.json()["sha"]
    assert place.bare("log", "-1", "--format=%an", sha).strip() == "\u202eEvil x@y"


def test_a_commit_that_is_not_utf8_is_shown_with_replacements(place: Place) -> None:
    tree = place.bare("rev-parse", "main^{tree}").strip()
    raw = (
        f"tree {tree}\nparent {place.bare('rev-parse', 'main').strip()}\n".encode()
        + b"author \xff <a@b> 1700000000 +0000\ncommitter c <c@d> nonsense +0000\n\n\xfe\n"
    )
    path = place.tree / "raw"
    path.write_bytes(raw)
    sha = place.bare("hash-object", "-w", "-t", "commit", "--literally", str(path)).strip()
    place.bare("update-ref", "refs/heads/odd", sha)
    commit = place.repo().get_commit("odd")
    assert commit.commit.author.name == "\ufffd"
    assert commit.commit.message == "\ufffd"


def test_a_reference_that_is_not_utf8_is_refused(place: Place) -> None:
    place.commit({"a.txt": "a\n"})
    code, said = place.try_push(b"main:refs/heads/\xff".decode(errors="surrogateescape"))
    assert (code, "must be UTF-8" in said) == (1, True)
    assert [branch.name for branch in place.repo().get_branches()] == ["main"]


@pytest.mark.parametrize("content", ["diff --git a/x b/x\n@@ -1 +1 @@\n", "\\ No newline"])
def test_content_that_looks_like_a_diff_stays_content(place: Place, content: str) -> None:
    pull = place.pull("feature", {"a.txt": content, "b.txt": "b\n"})
    files = {file.filename: file.patch for file in pull.get_files()}
    assert set(files) == {"a.txt", "b.txt"}
    assert files["b.txt"] == "@@ -0,0 +1 @@\n+b"
    assert files["a.txt"].split("\n")[1] == "+" + content.split("\n", maxsplit=1)[0]
