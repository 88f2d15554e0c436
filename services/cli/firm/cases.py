"""The desk that hears the unhappy, those who are asked today, and what staff believes of it all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.cli.firm.desk import Desk, each
from services.cli.firm.office import Made
from services.cli.firm.past import CUSTOMERS, NAME, SEED, Past
from services.cli.firm.voices import DELIVERY, RELATIONSHIP
from shared.load.chance import stream

INVITED, ANSWER = 25, 0.4
STILL_OPEN = 9
STAFF = {"manager": (5, 6), "agent": (4, 6)}
_STAFF_EACH = 6
_DONE = (
    ("compensated", "late", "Hoàn phí giao hàng và xin lỗi"),
    ("solved", "broken", "Gửi lại hàng mới"),
    ("explained", "care", "Gọi lại, giải thích quy trình"),
)


@dataclass(frozen=True)
class CareDesk:
    """What the firm's own people do."""

    desk: Desk
    past: Past
    made: Made

    async def invite(self, number: int) -> None:
        """Ask a customer how it goes; some answer."""
        chance = stream(SEED, NAME, "invited", number)
        body = {"customer": f"user_id:{self.past.user_id(number)}"}
        asked = await self.desk.make(f"/v1/surveys/{self.made.surveys[RELATIONSHIP]}/invitations", body)
        if asked.get("invitation_id") and chance.random() < ANSWER:
            score = round(chance.betavariate(5, 1.5) * 10)
            said = {"invitation_id": asked["invitation_id"], "answers": {"nps": {"score": score}}}
            await self.desk.make("/v1/responses", said)

    @staticmethod
    def invited() -> list[int]:
        """Whom it asks."""
        return stream(SEED, NAME, "invited").sample(range(CUSTOMERS), INVITED)

    async def work_off(self, moved: Callable[[int], None]) -> None:
        """Speak to the unhappy and close their cases, but for the newest: those wait, with their clocks running."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.desk.read("/v1/cases", limit=200, **cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        waiting = sorted((case["opened_at"], case["id"]) for case in found if case["status"] == "open")
        await each(enumerate(key for _, key in waiting[:-STILL_OPEN]), self._close, moved)

    async def _close(self, case: tuple[int, str]) -> None:
        place, key = case
        outcome, cause, action = stream(SEED, NAME, "closed", place).choice(_DONE)
        await self.desk.make(f"/v1/cases/{key}/contacts", {"channel": "phone"})
        done = {"outcome": outcome, "root_cause": cause, "action": action}
        await self.desk.make(f"/v1/cases/{key}/close", done)

    async def believe(self) -> None:
        """Staff answers as it thinks that customers do: it thinks better of the firm than they."""
        survey, today = self.made.surveys[DELIVERY], self.past.today
        days = {"period_from": str((today - timedelta(days=29)).date()), "period_to": str(today.date())}
        closes = {"closes_at": (today + timedelta(days=2)).isoformat()}
        about = {"survey_id": survey, "name": "Nhân viên nghĩ gì", "roles": list(STAFF)}
        wave = await self.desk.make("/v1/mirror-waves", {**about, **days, **closes})
        mirror = f"/v1/mirror-waves/{wave['id']}"
        for role, (csat, ces) in STAFF.items():
            links = await self.desk.make(f"{mirror}/links", {"role": role, "count": _STAFF_EACH})
            for place, token in enumerate(links["tokens"]):
                scores = {"csat": csat - (place == 0), "ces": ces - place % 2}
                told = [{"question_id": question, "score": score} for question, score in scores.items()]
                await self.desk.make(f"{mirror}/answers", {"token": token, "scores": told})
        await self.desk.make(f"{mirror}/close", None)
