"""Links of this process, under the keys of `TAM_SURVEYS_LINK_KEYS`, or of a file that the first use makes.

A new key is put first, the old one stays behind it for as long as its links live: they go on working.
"""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from services.surveys.links.domain import Link, LinkKeys
from services.surveys.links.errors import BadLink, LinkKeyMissing
from shared.config import PlatformSettings
from shared.secret_keys import secret_from

KEY_FILE = "survey-link-key"


class Links:
    """One per process. `configured` are the secrets of the settings; without them that of `file` counts.

    Where processes run on several machines there is no such file (None): each would sign with a key of its own.
    """

    def __init__(self, configured: Sequence[bytes] = (), file: Path | None = Path("tam-data") / KEY_FILE) -> None:
        self._configured = configured
        self._file = file
        self._found: LinkKeys | None = None

    @property
    def keys(self) -> LinkKeys:
        """The keys.

        Raises:
            LinkKeyMissing: there are none.
            ConfigError: the file cannot be read or made.
        """
        if self._found is None:
            self._found = LinkKeys(self._configured or [self._own()])
        return self._found

    def sign(self, invitation_id: UUID, *, score: int | None = None, question_id: str | None = None) -> str:
        """The token of a link to an invitation; with `score`, of one click that means this score of this question."""
        return self.keys.sign(Link(invitation_id, score, question_id))

    def read(self, token: str) -> Link:
        """What a token says.

        Raises:
            BadLink: it is none of ours.
        """
        found = self.keys.read(token)
        if found is None:
            raise BadLink
        return found

    def _own(self) -> bytes:
        if self._file is None:
            raise LinkKeyMissing
        return secret_from(self._file, what="The key of survey links", setting="TAM_SURVEYS_LINK_KEYS")


def key_file(platform: PlatformSettings) -> Path | None:
    """Where a key may be kept that nobody set: beside the data, while all processes share that folder."""
    return None if platform.kafka_bootstrap_servers else platform.data_dir / KEY_FILE
