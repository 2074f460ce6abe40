"""Where the sandbox keeps what, inside one state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The files and folders of one sandbox."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the sandbox."""
        return self.root / "lock"

    @property
    def record(self) -> Path:
        """Which processes run, and on which ports."""
        return self.root / "sandbox.json"

    @property
    def ports(self) -> Path:
        """The ports of the last start, so that the next one answers at the same address."""
        return self.root / "ports.json"

    @property
    def credentials(self) -> Path:
        """The AWS shared credentials file."""
        return self.root / "credentials"

    @property
    def config(self) -> Path:
        """The AWS config file: each profile's region."""
        return self.root / "config"

    @property
    def secret(self) -> Path:
        """The secret access key of the account roots."""
        return self.root / "root-secret"

    @property
    def issuer_key(self) -> Path:
        """The private key with which tokens of workflows are signed."""
        return self.root / "token-issuer.pem"

    @property
    def issuer_keys(self) -> Path:
        """The public keys by which such a token is verified, as a JSON Web Key Set."""
        return self.root / "token-issuer-keys.json"

    @property
    def journal(self) -> Path:
        """Every AWS call, one JSON object a line."""
        return self.root / "journal.jsonl"

    @property
    def aws_log(self) -> Path:
        """What the emulated AWS prints."""
        return self.root / "aws.log"

    @property
    def prefect_log(self) -> Path:
        """What the Prefect server prints."""
        return self.root / "prefect.log"

    @property
    def home(self) -> Path:
        """The home folder of the sandbox's processes, so that they never read a person's."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """Temporary files, among them the unpacked code of Lambda functions."""
        return self.root / "tmp"

    @property
    def emulator(self) -> Path:
        """The emulated services' state: a link, see `tiercel.sandbox.machine.state_folder`."""
        return self.root / "aws"

    @property
    def objects(self) -> Path:
        """The bytes of S3 objects."""
        return self.root / "s3"

    @property
    def prefect(self) -> Path:
        """PREFECT_HOME: the server's database and leases."""
        return self.root / "prefect"

    @property
    def workers(self) -> Path:
        """PREFECT_HOME of the workers and their runs."""
        return self.root / "workers"

    def worker_log(self, environment: str) -> Path:
        """What an environment's worker and its runs print."""
        return self.root / f"worker-{environment}.log"

    def create(self) -> None:
        """Create the folders; only their owner may enter."""
        for folder in (self.root, self.home, self.temporary, self.objects):
            folder.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        self.prefect.mkdir(exist_ok=True)
