"""The built service: one collaborator per subject."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from services.surveys.answers.service.ballots import Ballots
from services.surveys.answers.service.desk import Desk
from services.surveys.answers.service.dropoff import DropOff
from services.surveys.answers.service.exporting import Exporting
from services.surveys.answers.service.importing import Importing
from services.surveys.answers.service.lane import Lane
from services.surveys.answers.service.reading import Reading
from services.surveys.answers.service.taking import Answering
from services.surveys.answers.service.themes import ThemeRules
from services.surveys.asking.service.deciding import Deciding
from services.surveys.asking.service.hearing import Hearing, PlanShelf
from services.surveys.asking.service.invitations import Invitations
from services.surveys.asking.service.inviting import Inviting
from services.surveys.asking.service.policies import Policies
from services.surveys.asking.service.sweeping import Sweeping
from services.surveys.cases.service.asking_again import AskingAgain
from services.surveys.cases.service.desk import Desk as CaseDesk
from services.surveys.cases.service.escalation import Escalation
from services.surveys.cases.service.figures import CaseFigures
from services.surveys.cases.service.improvements import Improvements
from services.surveys.cases.service.merging import Merging
from services.surveys.cases.service.opening import Opening
from services.surveys.cases.service.reading import Reading as CaseReading
from services.surveys.cases.service.regrouping import Regrouping
from services.surveys.cases.service.settings import CaseSettings
from services.surveys.definitions.service.bank import Bank
from services.surveys.definitions.service.editing import Editing
from services.surveys.definitions.service.reading import Shelf, Surveys
from services.surveys.definitions.service.versions import Versions
from services.surveys.links.service import Links
from services.surveys.mail.service.letters import Letters
from services.surveys.mail.service.sending import Sending
from services.surveys.mirror.service.answering import MirrorAnswering
from services.surveys.mirror.service.waves import Waves
from services.surveys.pages.service.clicks import ClickLog, Clicks
from services.surveys.pages.service.links import Addresses
from services.surveys.pages.service.previews import Previews
from services.surveys.pages.service.seats import Seats
from services.surveys.pages.service.steps import Advance
from services.surveys.pages.service.visits import Pages
from services.surveys.pages.service.widget import Widget
from services.surveys.rights.service import SurveysRights
from services.surveys.settings import SurveysSettings
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping


@dataclass(frozen=True, slots=True)
class SurveysService:
    """What `build` makes. Each subject is a property that puts its collaborators together."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    settings: SurveysSettings
    links: Links = field(default_factory=Links)
    shelf: Shelf = field(default_factory=Shelf)
    answer_lane: Lane = field(default_factory=Lane)
    reading: Reading = field(default_factory=Reading)
    plans: PlanShelf = field(default_factory=PlanShelf)

    @property
    def definitions(self) -> Surveys:
        """Surveys as they are asked."""
        return Surveys(self.clock, self.shelf)

    @property
    def editing(self) -> Editing:
        """Surveys as staff makes them."""
        return Editing(self.db, self.clock, self.question_bank)

    @property
    def survey_versions(self) -> Versions:
        """What was published of surveys, and what is about to be."""
        return Versions(self.db)

    @property
    def question_bank(self) -> Bank:
        """Questions that are written once and stand in many surveys."""
        return Bank(self.db, self.clock)

    async def regroup(self, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]) -> None:
        """Follow merges and unmerges. Everything stays where it is, under the key it came from."""
        moved = await mapping.follow(tx, events)
        await self.case_regrouping.regroup(tx, moved)

    @property
    def rights(self) -> SurveysRights:
        """What people may ask of their data."""
        return SurveysRights(self.clock)

    @property
    def invitations(self) -> Invitations:
        """Who was asked."""
        return Invitations(self.db, self.clock)

    @property
    def asking_policies(self) -> Policies:
        """Whom surveys ask, and how often anybody is asked."""
        return Policies(self.db, self.clock, self.definitions)

    @property
    def hearing(self) -> Hearing:
        """Facts in, candidates out."""
        return Hearing(self.zone, self.definitions, self.plans)

    @property
    def deciding(self) -> Deciding:
        """Who of the candidates is asked."""
        restricted = self.rights.restricted_among
        return Deciding(self.db, self.clock, self.zone, self.definitions, self.cases.open_of, restricted)

    @property
    def sweeping(self) -> Sweeping:
        """Whose turn it is in the rounds of schedules."""
        return Sweeping(self.db, self.clock, self.zone, self.definitions)

    @property
    def inviting(self) -> Inviting:
        """Asking by hand, and what was decided."""
        return Inviting(self.db, self.definitions, self.deciding)

    @property
    def mirror_waves(self) -> Waves:
        """Waves of the mirror survey."""
        return Waves(self.db, self.clock, self.zone, self.definitions)

    @property
    def mirror_answering(self) -> MirrorAnswering:
        """Answers of staff, in their customers' place."""
        return MirrorAnswering(self.db, self.clock, self.definitions)

    @property
    def cases(self) -> Opening:
        """What answers do to cases."""
        return Opening(self.clock, self.zone)

    @property
    def case_inbox(self) -> CaseReading:
        """Cases as they are read."""
        return CaseReading(self.db, self.clock, self.zone)

    @property
    def case_desk(self) -> CaseDesk:
        """What staff does with cases."""
        return CaseDesk(self.db, self.clock, self.zone, self.case_inbox)

    @property
    def case_merging(self) -> Merging:
        """Cases that become one, and are taken apart."""
        return Merging(self.db, self.clock, self.zone, self.case_inbox)

    @property
    def case_settings(self) -> CaseSettings:
        """What a firm sets for cases."""
        return CaseSettings(self.db, self.clock, self.zone)

    @property
    def case_escalation(self) -> Escalation:
        """Clocks that run out."""
        return Escalation(self.db, self.clock, self.zone)

    @property
    def case_regrouping(self) -> Regrouping:
        """Who was won back, once people turn out to be others."""
        return Regrouping(self.clock, self.zone, self.definitions)

    @property
    def case_asking_again(self) -> AskingAgain:
        """Who is asked again once their case is closed."""
        return AskingAgain(self.db, self.clock, self.zone, self.inviting)

    @property
    def case_figures(self) -> CaseFigures:
        """What came of cases."""
        return CaseFigures(self.db, self.clock, self.zone)

    @property
    def case_improvements(self) -> Improvements:
        """What was changed because of cases."""
        return Improvements(self.db, self.clock)

    @property
    def ballots(self) -> Ballots:
        """Anonymous answers, until they have company."""
        return Ballots(self.db, self.clock, self.zone, self.definitions, self.cases, self.links, self.reading)

    @property
    def exporting(self) -> Exporting:
        """Responses as files."""
        return Exporting(self.db, self.clock, self.definitions)

    @property
    def importing(self) -> Importing:
        """Responses of other systems."""
        return Importing(self.db, self.clock, self.definitions, self.answering)

    @property
    def drop_off(self) -> DropOff:
        """How far people come."""
        return DropOff(self.db, self.clock, self.definitions)

    @property
    def theme_rules(self) -> ThemeRules:
        """What answers are about, by rules."""
        return ThemeRules(self.db, self.clock, self.reading)

    @property
    def answering(self) -> Answering:
        """Answers that come in."""
        return Answering(self.clock, self.definitions, self.cases, self.ballots, self.reading)

    @property
    def answers(self) -> Desk:
        """Responses as staff and other systems bring and read them."""
        return Desk(self.db, self.clock, self.answering, self.answer_lane)

    @property
    def pages(self) -> Pages:
        """What people see by a link."""
        seats = Seats(self.clock, self.links, self.definitions, self.ballots)
        advance = Advance(self.db, self.links, self.answering, self.answer_lane)
        return Pages(self.db, seats, advance, ClickLog(self.links, self.settings))

    @property
    def widget(self) -> Widget:
        """The widget in a shop."""
        pages = self.pages
        return Widget(self.db, self.clock, self.links, pages.seats, pages, self.invitations)

    @property
    def clicks(self) -> Clicks:
        """What clicks on scores in mails come to."""
        return Clicks(self.db, self.clock, self.settings, self.definitions, self.invitations, self.answering)

    @property
    def addresses(self) -> Addresses:
        """Whole links."""
        return Addresses(self.db, self.settings, self.links, self.definitions, self.invitations)

    @property
    def page_previews(self) -> Previews:
        """Pages for staff to look at."""
        return Previews(self.db, self.definitions)

    @property
    def letters(self) -> Letters:
        """What mails say."""
        return Letters(
            self.clock,
            self.zone,
            self.links,
            self.definitions,
            self.invitations,
            self.addresses,
            self.page_previews,
        )

    @property
    def mail(self) -> Sending:
        """Mail out."""
        return Sending(self.db, self.clock, self.settings, self.links, self.invitations, self.letters)
