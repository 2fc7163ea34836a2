"""What titles people really write say of rank and department."""

import pytest

from shared.rules.titles import DEPARTMENTS, SENIORITIES, department_of, seniority_of

TITLES = [
    ("Director of Operations", "director", "operations"),
    ("VP Marketing", "vp", "marketing"),
    ("Head of IT", "head", "it"),
    ("CTO", "c_level", "engineering"),
    ("Assistant to the CEO", "individual", "administration"),
    ("Vice President", "vp", None),
    ("Sr. Software Engineer", "senior", "engineering"),
    ("Geschäftsführer", "c_level", "management"),
    ("Leiter Vertrieb", "head", "sales"),
    ("VD", "c_level", "management"),
    ("Directeur commercial", "director", "sales"),
    ("Gerente de Ventas", "manager", "sales"),
    ("Founder & CEO", "founder", "management"),
    ("Co-Founder", "founder", "management"),
    ("Chief Financial Officer", "c_level", "finance"),
    ("Chief Executive Officer", "c_level", "management"),
    ("Chief of Staff", "head", None),
    ("Chief Engineer", "head", "engineering"),
    ("Product Owner", "individual", "product"),
    ("Product Marketing Manager", "manager", "marketing"),
    ("Executive Assistant", "individual", "administration"),
    ("CEO Assistant", "individual", "administration"),
    ("Assistant Vice President", "vp", None),
    ("Assistant Manager", "manager", None),
    ("Marketing Intern", "student", "marketing"),
    ("Student", "student", None),
    ("Director of Student Affairs", "director", None),
    ("Senior Director, Sales Operations", "director", "sales"),
    ("SVP Sales", "vp", "sales"),
    ("President", "c_level", "management"),
    ("Managing Director", "c_level", "management"),
    ("Ex-CEO", None, None),
    ("Former VP Sales, Consultant", "individual", None),
    ("Software Engineer at Chief Software", "individual", "engineering"),
    ("Vertriebsleiter", "head", "sales"),
    ("Marknadschef", "head", "marketing"),
    ("IT-chef", "head", "it"),
    ("Inköpschef", "head", "procurement"),
    ("Försäljningschef", "head", "sales"),
    ("Directrice des achats", "director", "procurement"),
    ("Director General", "c_level", "management"),
    ("Jefe de Compras", "head", "procurement"),
    ("Responsable RH", "manager", "hr"),
    ("Chef de projet", "manager", None),
    ("Chef", None, None),
    ("Team Lead Backend", "manager", "engineering"),
    ("Lead Generation Specialist", "individual", "marketing"),
    ("CRO Specialist", "individual", "marketing"),
    ("CRO", "c_level", "sales"),
    ("Head of People", "head", "hr"),
    ("HR Business Partner", "individual", "hr"),
    ("General Counsel", "individual", "legal"),
    ("Customer Success Manager", "manager", "support"),
    ("Account Executive", "individual", "sales"),
    ("Office Manager", "manager", "administration"),
    ("R&D Manager", "manager", "research"),
    ("Data Scientist", "individual", "data"),
    ("Werkstudent Marketing", "student", "marketing"),
    ("Projektleiter", "manager", None),
    ("Einkaufsleiterin", "head", "procurement"),
    ("internal auditor", "individual", "finance"),
    ("Retired", None, None),
    ("asdf", None, None),
    ("Owner", "founder", "management"),
    ("PhD Student", "student", None),
    ("Personal Assistant to VP Sales", "individual", "administration"),
    ("Procurement Manager", "manager", "procurement"),
    ("Chief Information Security Officer", "c_level", "it"),
    ("Chief Technology Officer", "c_level", "engineering"),
    ("CISO", "c_level", "it"),
    ("Director, Office of the CTO", "director", None),
    ("Advisor to the Board", "individual", None),
    ("Supply Chain Director", "director", "operations"),
    ("Key Account Manager", "manager", "sales"),
    ("Verkställande direktör", "c_level", "management"),
    ("Operations", "individual", "operations"),
    ("Buyer", "individual", "procurement"),
    ("Business Development Representative", "individual", "sales"),
    ("Sales & Marketing Director", "director", "sales"),
    ("Assistent der Geschäftsführung", "individual", "administration"),
    ("VD-assistent", "individual", "administration"),
    ("PA", "individual", "administration"),
    ("Art Director", "director", "marketing"),
    ("Principal Engineer", "senior", "engineering"),
    ("Logistics Coordinator", "individual", "operations"),
    ("Prokurist", "director", None),
    ("Presidente", "c_level", "management"),
    ("QA Lead", "senior", "engineering"),
    ("Executive Assistant to CEO, CFO", "individual", "administration"),
    ("Director's Assistant", "individual", "administration"),
    ("Account Manager", "manager", "sales"),
    ("Solution Architect", "individual", "engineering"),
    ("Sales Engineer", "individual", "sales"),
    ("COO", "c_level", "operations"),
    ("Partner", None, None),
    ("CEO/CTO", "c_level", "engineering"),
    ("Legal Assistant", "individual", "legal"),
    ("ａｓｓｉｓｔａｎｔ", "individual", "administration"),
    ("Chief Marketing Officer (CMO)", "c_level", "marketing"),
    ("CMO", "c_level", "marketing"),
]


@pytest.mark.parametrize(("title", "seniority", "department"), TITLES)
def test_a_title_says_rank_and_department(title: str, seniority: str | None, department: str | None):
    assert (seniority_of(title), department_of(title)) == (seniority, department)


def test_case_spaces_accents_and_width_do_not_matter():
    for title in ("vp MARKETING", "  VP   Marketing ", "ＶＰ　Marketing", "VP\tmarketing"):
        assert (seniority_of(title), department_of(title)) == ("vp", "marketing")
    assert seniority_of("geschäftsführerin") == seniority_of("GESCHÄFTSFÜHRERIN") == "c_level"
    assert seniority_of("Geschaeftsfuehrer") == "c_level"


@pytest.mark.parametrize("title", ["", " ", "-", "&", "to", "ex", "12", "\u200b", "Ruler of the universe", "at Acme"])
def test_a_title_that_says_nothing_is_no_guess(title: str):
    assert seniority_of(title) is None
    assert department_of(title) is None


def test_what_is_said_is_one_of_the_closed_lists():
    assert {seniority for _, seniority, _ in TITLES} - {None} == set(SENIORITIES)
    assert {department for _, _, department in TITLES} - {None} == set(DEPARTMENTS)


@pytest.mark.parametrize("word", ["a ", "assistant ", "ex,", "chief ", "chef ", "vice ", "leiter", "\u0301", "&"])
def test_a_long_title_costs_a_pass_and_no_more(word: str):
    """A megabyte of anything is read: were a pass made per word, this would not end."""
    assert seniority_of(word * (1_000_000 // len(word))) in (None, *SENIORITIES)
