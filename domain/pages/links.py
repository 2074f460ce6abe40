"""Addresses that people open: GitHub's pages, and the console of the right account."""

from __future__ import annotations

import re
from urllib.parse import quote

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.names import partition_of
from tiercel.domain.organization.topology import Topology

# https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/select-region.html and the
# partitions' own console pages.
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


class Links(Frozen):
    """Where a run's commits and stacks can be looked at.

    `server` is GitHub's address, empty when git reads something that has no pages.
    `portal` is the address of the organization's AWS access portal and `console_role` the
    role by which people look: with them a link opens the right account, whichever one the
    reader is signed in to. `console` is the address of a console that is not AWS's own, as the
    sandbox has one.
    """

    server: str
    portal: str = ""
    console_role: str = ""
    console: str = ""

    @classmethod
    def of(cls, topology: Topology, server: str, console: str = "") -> Links:
        """Return the links of an organization on a GitHub server."""
        return cls(
            console=console.rstrip("/"),
            server=server.rstrip("/") if server.startswith(("https://", "http://")) else "",
            portal=topology.organization.access_portal.rstrip("/"),
            console_role=topology.organization.console_role,
        )

    def commit(self, repository: str, sha: str) -> str:
        """Return `name@1a2b3c4` as a Markdown link to the commit."""
        name = repository.rpartition("/")[2]
        return self._page(_plain(f"{name}@{short_commit(sha)}"), repository, "commit", sha)

    def pull_request(self, repository: str, number: int) -> str:
        """Return the number as a Markdown link to the pull request."""
        return self._page(f"#{number}", repository, "pull", str(number))

    def stack(self, text: str, stack_id: str, account: str, region: str) -> str:
        """Return a text as a Markdown link to a stack's page in the console.

        Without a stack id it is only the text.
        """
        if not stack_id:
            return _plain(text)
        return f"[{_plain(text)}]({self.stack_address(stack_id, account, region)})"

    def stack_address(self, stack_id: str, account: str, region: str) -> str:
        """Return the address of a stack's page in the console."""
        if self.console:
            return f"{self.console}/{account}/{region}/stacks/{quote(stack_id, safe=':/')}"
        page = f"#/stacks/stackinfo?stackId={quote(stack_id, safe='')}"
        return self._console(account, region, "cloudformation", page)

    def pull_request_address(self, repository: str, number: int) -> str:
        """Return the address of a pull request, empty where no server has pages."""
        return self._address(repository, "pull", str(number)) if self.server else ""

    def shift(self, deployment: str, account: str, region: str) -> str:
        """Return a deployment's id as a Markdown link to its page in CodeDeploy's console."""
        return f"[{_plain(deployment)}]({self.shift_address(deployment, account, region)})"

    def shift_address(self, deployment: str, account: str, region: str) -> str:
        """Return where CodeDeploy's console shows a deployment."""
        if self.console:
            return f"{self.console}/{account}/{region}/deployments/{quote(deployment, safe='')}"
        path = f"codesuite/codedeploy/deployments/{quote(deployment, safe='')}"
        return self._in_console(account, region, f"{path}?region={region}")

    def _page(self, text: str, repository: str, *parts: str) -> str:
        return f"[{text}]({self._address(repository, *parts)})" if self.server else text

    def _address(self, repository: str, *parts: str) -> str:
        path = "/".join(quote(part, safe="") for part in (*repository.split("/"), *parts))
        return f"{self.server}/{path}"

    def _console(self, account: str, region: str, service: str, page: str) -> str:
        return self._in_console(account, region, f"{service}/home?region={region}{page}")

    def _in_console(self, account: str, region: str, path: str) -> str:
        """Return a console page, by way of the access portal if there is one.

        https://docs.aws.amazon.com/singlesignon/latest/userguide/createshortcutlink.html
        """
        host = _CONSOLES.get(partition_of(region), "console.aws.amazon.com")
        console = f"https://{region}.{host}/{path}"
        if not self.portal:
            return console
        return (
            f"{self.portal}/#/console?account_id={account}"
            f"&role_name={quote(self.console_role, safe='')}&destination={quote(console, safe='')}"
        )


def _plain(text: str) -> str:
    """Return the letters of a name that mean nothing to Markdown.

    Prefect's page shows the text of a link as it stands: an escaped letter keeps its slash.
    """
    return re.sub(r"[^A-Za-z0-9.@/-]", "", text)
