"""Programmes, and the codes of advocates."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.loyalty.programs.domain.calendar import local_day
from services.loyalty.programs.service import Programs
from services.loyalty.referrals.domain.fraud import digest
from services.loyalty.referrals.domain.likeness import folded_name, plain_mail
from services.loyalty.referrals.errors import (
    BadProgram,
    BadReferralCustomer,
    ProgramClosed,
    ProgramNameTaken,
    ProgramUnknown,
)
from services.loyalty.referrals.repository import programs as rows
from services.loyalty.referrals.repository import referrals as referral_rows
from services.loyalty.referrals.repository.programs import Code, Program
from services.loyalty.referrals.schemas import (
    CodeIn,
    CodeOut,
    ProgramIn,
    ProgramOut,
    TermsIn,
    WithSignals,
    referral_link,
)
from services.loyalty.referrals.service import telling
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.ids import customer_key, uuid7

# Without letters that are taken for digits, and without vowels, so that no code is a word.
ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
LENGTH = 8
_DRAWS = 20


@dataclass(frozen=True, slots=True)
class ReferralPrograms:
    """Referral programmes as staff makes them. Use cases name the key that asks (`by`)."""

    db: Database
    clock: Clock
    programs: Programs
    vault: Vault

    async def create(self, body: ProgramIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a programme.

        Raises:
            BadProgram, ProgramNameTaken: it cannot be.
            UnknownWallet: points of a wallet that there is not.
        """
        if body.starts_at and body.ends_at and body.ends_at <= body.starts_at:
            raise BadProgram("A programme ends after it starts.")
        now = self.clock.now()
        terms = TermsIn.model_validate(body.model_dump(include=set(TermsIn.model_fields)))
        key, start, end = uuid7(), body.starts_at, body.ends_at
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            current = await self.programs.current(tx, now)
            document = terms.model_dump(mode="json", by_alias=True)
            if terms.schedule is not None:
                document["zone"] = terms.zone or current.zone
            program = Program(key, body.name, document, False, start, end, now, by, now, by)
            _check_schedule(program)
            for milestone in body.milestones:
                for reward in (milestone.advocate, milestone.friend):
                    if reward is not None and reward.points is not None:
                        current.wallet(reward.wallet)
            if not await rows.add(tx, program, orjson.dumps(document).decode()):
                raise ProgramNameTaken
            return await _answer(tx, idem, 201, program)

    async def get(self, key: UUID) -> ProgramOut:
        """A programme.

        Raises:
            ProgramUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.get(tx, key)
        if found is None:
            raise ProgramUnknown
        return _out(found)

    async def listed(self, *, after: UUID | None, limit: int) -> Sequence[ProgramOut]:
        """Programmes, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return [_out(each) for each in await rows.listed(tx, after=after, limit=limit + 1)]

    async def pause(self, key: UUID, *, is_paused: bool, by: str, idem: Idempotent | None) -> Answer:
        """Let no friends come, or let them come again; what those who came earn goes on.

        Raises:
            ProgramUnknown: there is none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await rows.pause(tx, key, is_paused=is_paused, now=self.clock.now(), by=by)
            if found is None:
                raise ProgramUnknown
            return await _answer(tx, idem, 200, found)

    async def code(self, program: UUID, body: CodeIn) -> tuple[CodeOut, bool]:
        """The code of an advocate, made at the first asking; whether it is new.

        Raises:
            BadReferralCustomer, ProgramUnknown, ProgramClosed: there can be none.
        """
        person, now = read_customer(body.customer), self.clock.now()
        async with self.db.write() as tx:
            found = await rows.get(tx, program)
            if found is None:
                raise ProgramUnknown
            member = await members.lock(tx, person)
            code = await rows.code_of(tx, program, member.keys)
            is_new = code is None
            if code is None:
                if not found.is_open(now):
                    raise ProgramClosed
                code = await _draw(tx, Code("", program, person, now))
                tx.emit(telling.made(code))
            await referral_rows.add_signals(tx, person, digests(body, await self.vault.using(tx, now)), now)
            link = referral_link(found.terms["link"], code.code)
            out = CodeOut(
                code=code.code, link=link, program=program, customer_id=code.person_id, created_at=code.created_at
            )
            return out, is_new


def _check_schedule(program: Program) -> None:
    """Refuse a schedule that never opens while the programme runs."""
    if program.schedule is None:
        return
    zone = ZoneInfo(program.terms["zone"])
    first = program.starts_at and local_day(program.starts_at, zone)
    last = program.ends_at and local_day(program.ends_at - timedelta(microseconds=1), zone)
    if not program.schedule.opens_within(first, last, zone):
        raise BadProgram("The schedule never opens while the programme runs.")


def read_customer(reference: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadReferralCustomer: it names none.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadReferralCustomer from None


def digests(body: WithSignals, peppers: Peppers, *, with_old: bool = False) -> list[tuple[str, bytes]]:
    """What is kept of signals. Of a name and a mail address keyed hashes: without the key nobody can try names out.

    `with_old` gives those under older keys as well, to compare with what was kept then.
    """
    found: list[tuple[str, bytes]] = [
        (kind, digest(kind, value)) for kind, values in body.signals.items() for value in values
    ]
    alike = {"name": body.name and folded_name(body.name), "email": body.email and plain_mail(body.email)}
    for kind, text in alike.items():
        if text:
            hashes = peppers.fingerprints(f"referral {kind} {text}")
            found += [(kind, value) for value in (hashes if with_old else hashes[:1])]
    return found


def mail_domain(address: str | None) -> str | None:
    """What stands behind the @ of an address, if it is one."""
    plain = None if address is None else plain_mail(address)
    return None if plain is None else plain.partition("@")[2]


def normalised(code: str) -> str:
    """A code as it is stored, however it was typed."""
    return code.strip().replace("-", "").replace(" ", "").upper()


async def _draw(tx: WriteTx, code: Code) -> Code:
    for _ in range(_DRAWS):
        drawn = code._replace(code="".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))
        if await rows.add_code(tx, drawn):
            return drawn
    raise RuntimeError("twenty random codes in a row were there already")


def _out(program: Program) -> ProgramOut:
    return ProgramOut.model_construct(**program._asdict())


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, program: Program) -> Answer:
    answer = Answer(status, _out(program).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
