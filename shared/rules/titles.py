"""
What a job title says: how senior somebody is, and where in the company.

A title is free text in any language, so this is a table of words, not a judgement: it says what the title says, not
what the person does. What the table does not know is None, never a guess. Words are compared without case and accents.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

SENIORITIES = ("founder", "c_level", "vp", "director", "head", "manager", "senior", "individual", "student")
"""What `seniority_of` can say, the strongest first: of several in one title the strongest counts."""

DEPARTMENTS = (
    "sales", "marketing", "product", "engineering", "data", "it", "operations", "procurement", "finance", "hr", "legal",
    "support", "research", "administration", "management",
)  # fmt: skip
"""What `department_of` can say. The last two only when the title names no other: a sales assistant is in sales."""

_RANKS = {
    "founder": "founder, cofounder, co founder, owner, coowner, co owner, inhaber, inhaberin, grunder, grunderin, gruender, grundare, agare, "
    "fondateur, fondatrice, proprietaire, fundador, fundadora, propietario, propietaria, fondatore, founding partner",
    "c_level": "chief executive, managing director, managing partner, general partner, chairman, chairwoman, chairperson, "
    "president, presidente, presidenta, prasident, prasidentin, geschaftsfuhrer, geschaftsfuhrerin, geschaeftsfuehrer, "
    "geschaeftsfuehrerin, geschaftsleiter, geschaftsleiterin, vorstand, vd, verkstallande direktor, koncernchef, pdg, "
    "directeur general, directrice generale, director general, directora general, director gerente, gerente general, "
    "consejero delegado, consejera delegada, amministratore delegato, algemeen directeur",
    "vp": "vp, svp, evp, avp, rvp, vice president, vicepresident, vicepresidente, vice presidente, vizeprasident, "
    "vizeprasidentin",
    "director": "director, dir, directeur, directrice, directora, direktor, direktorin, direttore, direttrice, diretor, "
    "diretora, prokurist, prokuristin",
    "head": "head, chief, chief of staff, general manager, leiter, leiterin, leitung, jefe, jefa, dirigente",
    "manager": "manager, managers, managerin, mgr, gerente, responsable, responsabile, supervisor, foreman, team lead, "
    "team leader, teamlead, teamleiter, teamleiterin, gruppenleiter, gruppenleiterin, projektleiter, projektleiterin, "
    "chef de projet, chef de produit, chef d equipe, teamchef, gruppchef, projektledare, teamledare, superintendent",
    "senior": "senior, sr, lead, principal, expert, experte, expertin",
    "individual": "junior, jr, accountant, administrator, advisor, adviser, agent, analyst, architect, associate, attorney, "
    "auditor, berater, beraterin, buyer, clerk, comercial, consultant, controller, coordinator, counsel, designer, "
    "developer, editor, employee, engineer, entwickler, entwicklerin, executive, freelance, freelancer, ingenieur, "
    "ingeniero, ingenjor, investigador, konsult, lawyer, mitarbeiter, mitarbeiterin, nurse, officer, operator, planner, "
    "programmer, receptionist, recruiter, representative, rep, saljare, scientist, secretary, specialist, strategist, "
    "support, teacher, technician, technicien, tester, utvecklare, vendeur, writer, handlaggare, sachbearbeiter, "
    "sachbearbeiterin, referent, referentin, product owner, process owner, data owner, service owner, system owner, "
    "platform owner, business partner, lead generation, lead gen, lead management, lead nurturing",
}
"""Rank by the words that say it. A longer phrase goes before a shorter: a vice president is no president."""

_DEPARTMENT_WORDS = {
    "sales": "sales, vertrieb, aussendienst, verkauf, forsaljning, saljare, sales engineer, ventas, comercial, commercial, "
    "commerciale, ventes, vendeur, vendite, business development, biz dev, bizdev, account manager, account executive, "
    "key account, account director, sdr, bdr, revenue, cro, chief revenue, cco, partnerships, inside sales, presales, "
    "pre sales, sales operations",
    "marketing": "marketing, art director, marknad, marknadsforing, mercadeo, growth, brand, content, seo, sem, demand generation, "
    "demand gen, lead generation, lead gen, communications, communication, kommunikation, public relations, pr, "
    "social media, cmo, product marketing, copywriter, creative, advertising, marketing operations, cro specialist",
    "product": "product, produkt, producto, produit, cpo, ux, ui, product owner, chef de produit",
    "engineering": "engineering, engineer, engineers, software, developer, entwickler, entwicklerin, entwicklung, utvecklare, "
    "utveckling, programmer, cto, technology, technical, technik, technique, tecnologia, architect, devops, sre, qa, "
    "tester, ingenieur, ingeniero, ingenjor, backend, frontend, tech lead, tech",
    "data": "data, analytics, business intelligence, machine learning, ai, data engineer, data scientist, data analyst",
    "it": "it, information technology, chief information, cio, ciso, information security, security, infrastructure, "
    "system administrator, systems administrator, sysadmin, informatik, informatique, informatica, network, edv",
    "operations": "operations, operational, operating, ops, coo, supply chain, logistics, logistik, logistique, logistica, "
    "production, produktion, manufacturing, warehouse, fulfilment, fulfillment, plant, betrieb, drift, operaciones, "
    "operativ, facility, facilities, quality, transport, fleet, lager",
    "procurement": "procurement, purchasing, purchase, buyer, sourcing, einkauf, einkaufer, einkauferin, inkop, inkopare, "
    "achats, acheteur, acheteuse, compras, acquisti",
    "finance": "finance, financial, finances, finanz, finanzen, finanzas, financier, financiero, accounting, accountant, "
    "accounts payable, cfo, controller, controlling, treasury, treasurer, tax, ekonomi, comptable, contable, buchhaltung, "
    "buchhalter, buchhalterin, auditor, audit, investor relations, bookkeeper",
    "hr": "hr, human resources, people, talent, recruiter, recruiting, recruitment, personal, chro, payroll, rh, "
    "recursos humanos, ressources humaines, people operations, people ops",
    "legal": "legal, lawyer, attorney, counsel, compliance, clo, recht, jurist, juridique, juridico, paralegal, "
    "data protection, privacy, regulatory",
    "support": "support, customer success, customer service, customer care, customer experience, helpdesk, help desk, "
    "service desk, kundtjanst, kundenservice, kundendienst, customer support, it support, technical support, client success",
    "research": "research, researcher, rnd, scientist, forschung, forskning, investigador, recherche, laboratory, lab",
    "administration": "office manager, personal assistant, administration, administrative, administrator, receptionist, reception, secretary, "
    "clerk",
    "management": "ceo, founder, cofounder, owner, president, managing director, general manager, chief executive, "
    "presidente, presidenta, prasident, prasidentin, geschaftsfuhrer, geschaftsfuhrerin, geschaeftsfuehrer, "
    "geschaeftsfuehrerin, geschaftsleiter, inhaber, inhaberin, vd, "
    "verkstallande direktor, koncernchef, pdg, vorstand, chairman, director general, directora general, directeur general, "
    "directrice generale, gerente general, managing partner",
    "": "vice president, vice presidente",
}
_LAST = frozenset({"administration", "management"})

_SUFFIXES = {
    "leiterin": "head", "leiter": "head", "chefin": "head", "chef": "head", "direktorin": "director", "direktor": "director",
    "managerin": "manager", "manager": "manager", "ansvarig": "manager",
}  # fmt: skip
"""What German and Swedish write in one word: Vertriebsleiter, marknadschef. The front part names the department."""

_ACRONYMS = frozenset({
    "caio", "cao", "cco", "cdo", "ceo", "cfo", "chro", "cio", "ciso", "clo", "cmo", "coo", "cpo", "cro", "cso", "cto",
    "cxo",
})  # fmt: skip
_INTERNS = frozenset({
    "intern", "apprentice", "trainee", "praktikant", "praktikantin", "praktikum", "auszubildender", "auszubildende",
    "azubi", "stagiaire", "alternant", "becario", "becaria", "stagista",
})  # fmt: skip
_STUDENTS = frozenset({
    "student", "studentin", "werkstudent", "werkstudentin", "etudiant", "etudiante", "estudiante", "studente",
    "pupil",
})  # fmt: skip
_ASSISTANTS = frozenset({
    "assistant", "assistante", "assistent", "assistentin", "assistenz", "asistente", "assistente", "secretary",
    "sekretar", "sekretarin", "secretaria", "secretaire", "pa", "ea",
})  # fmt: skip
_ELSEWHERE = frozenset({"at", "to", "bei", "chez", "hos", "reporting", "ex", "former", "formerly", "retired", "previously",
                        "ehemaliger", "ehemalige"})  # fmt: skip
"""What follows is a company, somebody else's title, or a title of the past."""

_CUT = re.compile(r"[,;|()\[\]\n•·–—]|\s-\s")
_WORD = re.compile(r"[^\W_]+")

Table = Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]


def _table(said: Mapping[str, str]) -> Table:
    """Return the phrases by their first word, the longest first."""
    by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for value, phrases in said.items():
        for phrase in phrases.split(", "):
            words = tuple(phrase.split())
            by_first.setdefault(words[0], []).append((words, value))
    return {first: tuple(sorted(each, key=lambda one: -len(one[0]))) for first, each in by_first.items()}


_RANK_TABLE = _table(_RANKS)
_DEPARTMENT_TABLE = _table(_DEPARTMENT_WORDS)
_OCCUPATIONS = frozenset(phrase for phrase in _RANKS["individual"].split(", ") if " " not in phrase)


@lru_cache(maxsize=4096)
def seniority_of(title: str) -> str | None:
    """Return one of `SENIORITIES`, or None when the title says nothing of it."""
    parts = _parts(title)
    words = {word for part in parts for word in part}
    if words & _INTERNS:
        return "student"
    if parts and _assists(parts[0]):
        return "individual"
    found = {rank for part in parts if not _assists(part) for rank in _ranks(part)}
    strongest = next((rank for rank in SENIORITIES if rank in found), None)
    if words & _STUDENTS and strongest in (None, "senior", "individual"):
        return "student"
    return "individual" if strongest is None and _department(parts) is not None else strongest


@lru_cache(maxsize=4096)
def department_of(title: str) -> str | None:
    """Return one of `DEPARTMENTS`, the first that the title names, or None when it names none."""
    return _department(_parts(title))


def _parts(title: str) -> list[list[str]]:
    """Return the words of each part of the title, up to where it begins to speak of something else."""
    folded = unicodedata.normalize("NFKD", title).casefold()
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    plain = plain.replace("r&d", "rnd").replace("@", " at ").replace("co-", "co")
    parts = []
    for text in _CUT.split(plain):
        words = _WORD.findall(text)
        end = next(
            (place for place, word in enumerate(words) if word in _ELSEWHERE or _is_office_of(words, place)), None
        )
        if words := words[:end]:
            parts.append(words)
    return parts


def _is_office_of(words: list[str], place: int) -> bool:
    return words[place : place + 2] == ["office", "of"]


def _assists(words: list[str]) -> bool:
    """Tell whether this is somebody's assistant; an assistant director is a director."""
    return any(
        word in _ASSISTANTS
        and not any(rank not in ("individual", "senior") for rank in _ranks(words[place + 1 : place + 3]))
        for place, word in enumerate(words)
    )


def _ranks(words: list[str]) -> Iterator[str]:
    place = 0
    while place < len(words):
        word = words[place]
        phrase, rank = _phrase_at(words, place, _RANK_TABLE)
        if _is_chief(words, place):
            rank = "c_level"
        elif word == "chef" and place and _phrase_at(words, place - 1, _DEPARTMENT_TABLE)[1] is not None:
            rank = "head"
        elif rank is None:
            rank = next((rank for _, rank in _compound(word)), None)
        if rank is not None:
            yield rank
        place += phrase


def _is_chief(words: list[str], place: int) -> bool:
    """Tell whether a chief officer stands here, in full or by the initials; a CRO specialist is none."""
    if words[place] == "chief":
        return "officer" in words[place + 2 : place + 6]
    return words[place] in _ACRONYMS and _OCCUPATIONS.isdisjoint(words[place + 1 : place + 2])


def _department(parts: list[list[str]]) -> str | None:
    assists = bool(parts) and _assists(parts[0])
    named = [value for words in (parts[:1] if assists else parts) for value in _departments(words)]
    first = next((value for value in named if value not in _LAST), None)
    return first or ("administration" if assists else next(iter(named), None))


def _departments(words: list[str]) -> Iterator[str]:
    place = 0
    while place < len(words):
        phrase, value = _phrase_at(words, place, _DEPARTMENT_TABLE)
        if value is None:
            stem = next((stem for stem, _ in _compound(words[place])), "")
            value = _phrase_at([stem], 0, _DEPARTMENT_TABLE)[1]
        if value:
            yield value
        place += phrase


def _phrase_at(words: list[str], place: int, table: Table) -> tuple[int, str | None]:
    """Return how many words the longest phrase here has, and what it says; (1, None) without one."""
    for phrase, value in table.get(words[place], ()):
        if tuple(words[place : place + len(phrase)]) == phrase:
            return len(phrase), value
    return 1, None


def _compound(word: str) -> Iterator[tuple[str, str]]:
    """Yield what stands in front of a rank written as the end of a word, without the s that joins them; and the rank."""
    for suffix, rank in _SUFFIXES.items():
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            yield word.removesuffix(suffix).removesuffix("s"), rank
