"""What flash sales refuse.

NotFound         SaleUnknown, ItemUnknown, ClaimUnknown, EntryUnknown, RoomUnknown
Conflict         SoldOut, NotEnoughLeft, LimitReached, NotOpenYet, SalePaused, SaleOver, ItemThere, ClaimFallen,
                 NoLottery, EntriesClosed, EntryDiffers, EntrySettled, NotDrawn, DrawHeld, PassNeeded, PassOver
Invalid          BadSaleTime, BadSaleCustomer, ClaimKeyReused, BadPass
TooManyRequests  TooManyWaiting, StillWaiting
Unavailable      ClaimUnsure
"""

from datetime import datetime
from typing import Literal

from shared.errors import Conflict, Invalid, NotFound, TooManyRequests, Unavailable


class SaleUnknown(NotFound):
    """There is no such flash sale."""

    code, title = "loyalty.flash_sale_unknown", "Flash sale unknown"

    def __init__(self) -> None:
        super().__init__("There is no flash sale with this id.")


class ItemUnknown(NotFound):
    """The sale has no such item."""

    code, title = "loyalty.flash_item_unknown", "Flash sale item unknown"

    def __init__(self) -> None:
        super().__init__("There is no such item at a flash sale with this id.")


class ClaimUnknown(NotFound):
    """There is no such claim."""

    code, title = "loyalty.flash_claim_unknown", "Claim unknown"

    def __init__(self) -> None:
        super().__init__("There is no claim with this id.")


class SoldOut(Conflict):
    """Nothing is left now; what is released or added can be claimed again."""

    code, title = "loyalty.flash_sold_out", "Sold out"

    def __init__(self) -> None:
        super().__init__("Nothing of this item is left.", remaining=0)


class NotEnoughLeft(Conflict):
    """Something is left, but less than was asked for."""

    code, title = "loyalty.flash_not_enough_left", "Not enough left"

    def __init__(self, remaining: int) -> None:
        super().__init__("Less of this item is left than was asked for.", remaining=remaining)


class LimitReached(Conflict):
    """The person would have more than one person may."""

    code, title = "loyalty.flash_limit_reached", "Limit reached"

    def __init__(self, scope: Literal["item", "sale"]) -> None:
        super().__init__(f"With this the customer would have more than one person may have of this {scope}.", of=scope)


class NotOpenYet(Conflict):
    """The sale has not begun."""

    code, title = "loyalty.flash_not_open", "Not open yet"

    def __init__(self, starts_at: datetime | None) -> None:
        super().__init__("The flash sale has not begun.", starts_at=starts_at)


class SalePaused(Conflict):
    """The sale stands still."""

    code, title = "loyalty.flash_paused", "Flash sale paused"

    def __init__(self) -> None:
        super().__init__("The flash sale is paused.")


class SaleOver(Conflict):
    """The sale is over."""

    code, title = "loyalty.flash_over", "Flash sale over"

    def __init__(self) -> None:
        super().__init__("The flash sale is over.")


class ItemThere(Conflict):
    """The sale has this item already."""

    code, title = "loyalty.flash_item_exists", "Item is there"

    def __init__(self) -> None:
        super().__init__("The flash sale has this item already; add units to it.")


class ClaimFallen(Conflict):
    """The claim was settled another way before."""

    code, title = "loyalty.flash_claim_settled", "Claim settled"

    def __init__(self, state: str) -> None:
        super().__init__(f"The claim is {state}.", state=state)


class BadSaleTime(Invalid):
    """The times of a sale make no sense."""

    code, title = "loyalty.flash_bad_time", "Bad time"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class BadSaleCustomer(Invalid):
    """The customer reference is none."""

    code, title = "loyalty.flash_bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")


class ClaimKeyReused(Invalid):
    """The key of a claim came with another customer or quantity."""

    code, title = "loyalty.flash_key_reused", "Claim key reused"

    def __init__(self) -> None:
        super().__init__("This key was used for another claim on this item; use a new key for a new claim.")


class TooManyWaiting(TooManyRequests):
    """More claims wait in this process than it will hold."""

    code, title = "loyalty.flash_busy", "Too many claims wait"

    def __init__(self) -> None:
        super().__init__("Too many claims wait for this item; send the same again.", retry_after_seconds=1)


class ClaimUnsure(Unavailable):
    """The database did not answer: whether the claim was granted is not known."""

    code, title = "loyalty.flash_unsure", "Outcome not known"

    def __init__(self) -> None:
        super().__init__("Whether this was granted is not known; send the same key again.", retry_after_seconds=1)


class NoLottery(Conflict):
    """The sale serves who comes first."""

    code, title = "loyalty.flash_no_lottery", "No lottery"

    def __init__(self) -> None:
        super().__init__("This flash sale draws no lots: claim.")


class EntryUnknown(NotFound):
    """There is no such entry."""

    code, title = "loyalty.flash_entry_unknown", "Entry unknown"

    def __init__(self) -> None:
        super().__init__("There is no entry with this id.")


class EntriesClosed(Conflict):
    """It is not the time to enter."""

    code, title = "loyalty.flash_entries_closed", "Entries closed"

    def __init__(self, enters_at: datetime | None, enters_until: datetime | None) -> None:
        super().__init__("Nobody can enter now.", enters_at=enters_at, enters_until=enters_until)


class EntryDiffers(Conflict):
    """The person has entered for another quantity."""

    code, title = "loyalty.flash_entry_differs", "Entered otherwise"

    def __init__(self, units: int) -> None:
        super().__init__("The customer has entered for another quantity; withdraw that entry first.", units=units)


class EntrySettled(Conflict):
    """The entry can be withdrawn no more."""

    code, title = "loyalty.flash_entry_settled", "Entry settled"

    def __init__(self, state: str) -> None:
        super().__init__(f"The entry is {state}.", state=state)


class NotDrawn(Conflict):
    """The person has no right to so many: not drawn, too late, or used."""

    code, title = "loyalty.flash_not_drawn", "Not drawn"

    def __init__(self) -> None:
        super().__init__("The customer has not been drawn for so many of this item, or has used or missed that right.")


class DrawHeld(Conflict):
    """The lots are drawn."""

    code, title = "loyalty.flash_draw_held", "Draw held"

    def __init__(self) -> None:
        super().__init__("The time of entries is over: nothing that is drawn for can be added.")


class RoomUnknown(NotFound):
    """The sale has no waiting room."""

    code, title = "loyalty.flash_room_unknown", "No waiting room"

    def __init__(self) -> None:
        super().__init__("There is no flash sale with a waiting room with this id.")


class PassNeeded(Conflict):
    """Nobody claims past the waiting room."""

    code, title = "loyalty.flash_pass_needed", "Pass needed"

    def __init__(self) -> None:
        super().__init__("This flash sale has a waiting room: join it, and claim with its token.")


class BadPass(Invalid):
    """The token is not one of this sale and customer."""

    code, title = "loyalty.flash_bad_pass", "Bad pass"

    def __init__(self) -> None:
        super().__init__("The token was not made for this customer at this flash sale.")


class StillWaiting(TooManyRequests):
    """It is not their turn."""

    code, title = "loyalty.flash_waiting", "Still waiting"

    def __init__(self, ahead: int, retry_after_seconds: int) -> None:
        super().__init__("It is not the customer's turn yet.", ahead=ahead, retry_after_seconds=retry_after_seconds)


class PassOver(Conflict):
    """They were let in, and did not claim in time."""

    code, title = "loyalty.flash_pass_over", "Pass over"

    def __init__(self) -> None:
        super().__init__("The time of this token is over; join the waiting room again.")
