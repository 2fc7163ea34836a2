"""The short links of text messages: which page of the playbook one leads to."""

from collections.abc import Iterator

from shared.aws import playbooks, sent_by
from shared.aws.secret_values import signing_secrets
from shared.links import Link, key_version
from shared.short_links import message_said, read_short


def click(token: str) -> Link | None:
    """
    Return the link as one of a mail would say it, or None when it is not ours.

    The playbook in force knows the names mostly. Where it does not, because a track or a page was taken out, the sends
    of the lead say which playbook knew them.
    """
    keys = signing_secrets(key_version(token))
    for tracks, pages in _known(token):
        found = read_short(token, keys, tracks=tracks, pages=pages)
        if found is not None:
            return Link("click", found.ref.send_id, pages[found.page])
    return None


def _known(token: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    current = playbooks.current()
    yield list(current["tracks"]), current["mail"].get("links", {})
    for track, bundle in sent_by.bundles(*message_said(token)):
        if bundle != current["bundle"] or track not in current["tracks"]:
            try:
                yield [track], playbooks.document(bundle)["mail"].get("links", {})
            except playbooks.UnknownPlaybookError:
                continue
