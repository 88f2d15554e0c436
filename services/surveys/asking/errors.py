"""What asking refuses.

NotFound   InvitationNotFound, PolicyVersionNotFound
Conflict   PolicyMoved, ContactRulesMoved
Invalid    BadAskedCustomer
"""

from shared.errors import Conflict, Invalid, NotFound


class InvitationNotFound(NotFound):
    """There is no such invitation."""

    code, title = "surveys.invitation_not_found", "Invitation not found"

    def __init__(self) -> None:
        super().__init__("There is no invitation with this id.")


class PolicyVersionNotFound(NotFound):
    """The survey's asking policy has no such version."""

    code, title = "surveys.asking_version_not_found", "Policy version not found"

    def __init__(self, version: int) -> None:
        super().__init__("The asking policy of the survey has no such version.", version=version)


class PolicyMoved(Conflict):
    """Somebody else has changed the policy since."""

    code, title = "surveys.asking_moved", "Asking policy has changed"

    def __init__(self, version: int) -> None:
        super().__init__(f"The asking policy is of version {version} by now; read it and change that.", version=version)


class ContactRulesMoved(Conflict):
    """Somebody else has changed the contact rules since."""

    code, title = "surveys.contact_rules_moved", "Contact rules have changed"

    def __init__(self, version: int) -> None:
        super().__init__(f"The contact rules are of version {version} by now; read and change those.", version=version)


class BadAskedCustomer(Invalid):
    """The customer reference is none."""

    code, title = "surveys.bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")
