"""What only an administrator of an account does to a stack, as commands that can be copied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StackByHand:
    """A stack that Tiercel leaves alone, and where it is. `protected`: against termination."""

    stack_id: str
    account: str
    region: str
    protected: bool

    def deletion(self) -> str:
        """Return how the stack is deleted; a protected one loses its protection first."""
        delete = self._command("delete-stack")
        if not self.protected:
            return self._told(delete)
        return self._told(f"{self._unprotect} && {delete}")

    def end_of_protection(self) -> str:
        """Return how the stack loses its termination protection."""
        return self._told(self._unprotect)

    def protection(self) -> str:
        """Return how the stack gets its termination protection."""
        return self._told(
            self._command("update-termination-protection --enable-termination-protection")
        )

    @property
    def _unprotect(self) -> str:
        return self._command("update-termination-protection --no-enable-termination-protection")

    def _command(self, what: str) -> str:
        return f"aws cloudformation {what} --stack-name {self.stack_id} --region {self.region}"

    def _told(self, command: str) -> str:
        return f"an administrator of account {self.account} runs `{command}`"
