"""Who is in the demo's audience: names, titles and companies, made up from a seed. All addresses end in .example."""

import uuid
from dataclasses import dataclass
from hashlib import blake2b
from random import Random


@dataclass(frozen=True, slots=True)
class Company:
    """One employer; `employees` of 0 is not said. `zone` is where its people read their mail."""

    name: str
    domain: str
    industry: str
    employees: int
    country: str
    zone: str

    @property
    def is_target(self) -> bool:
        """Tell whether the default playbook looks for companies like this one."""
        return self.industry in TARGET_INDUSTRIES and self.employees >= 200 and self.country in TARGET_COUNTRIES


@dataclass(frozen=True, slots=True)
class Person:
    """One member of the audience. `number` is stable for a seed; whoever never says a name is known by `anonymous_id`."""

    number: int
    first_name: str
    last_name: str
    title: str
    company: Company
    anonymous_id: str

    @property
    def user_id(self) -> str:
        return f"u-{1000 + self.number}"

    @property
    def email(self) -> str:
        name = f"{self.first_name}.{self.last_name}".lower().replace(" ", "-")
        return f"{name.translate(_PLAIN)}@{self.company.domain}"


TARGET_INDUSTRIES = frozenset({"logistics", "manufacturing", "software", "retail"})
TARGET_COUNTRIES = frozenset({"SE", "DE", "US", "GB", "NL"})

LEADERS = (
    "Director of Operations", "VP Sales", "Head of Marketing", "Chief Operating Officer", "Director of Supply Chain",
    "VP Marketing", "Head of Growth", "COO", "Director of Revenue Operations", "Head of Customer Success",
)  # fmt: skip
SPECIALISTS = (
    "Marketing Manager", "Sales Operations Analyst", "Product Manager", "Demand Generation Manager", "Logistics Planner",
    "Business Developer", "CRM Administrator", "Account Executive", "Content Strategist", "Procurement Manager",
    "Software Engineer", "Office Manager",
)  # fmt: skip

SARAH_COMPANY = Company("Halden Logistics", "halden-logistics.example", "logistics", 300, "US", "America/Chicago")
UNIVERSITY = Company("Westbrook University", "students.westbrook.example", "education", 0, "IE", "Europe/Dublin")

COMPANIES = (
    Company("Nordfrakt", "nordfrakt.example", "logistics", 420, "SE", "Europe/Stockholm"),
    Company("Sundvall Verkstad", "sundvall-verkstad.example", "manufacturing", 260, "SE", "Europe/Stockholm"),
    Company("Kvarnby Retail", "kvarnby.example", "retail", 540, "SE", "Europe/Stockholm"),
    Company("Ljungmark Data", "ljungmark.example", "software", 85, "SE", "Europe/Stockholm"),
    Company("Brevik Energi", "brevik-energi.example", "energy", 1_900, "SE", "Europe/Stockholm"),
    Company("Hansetrans", "hansetrans.example", "logistics", 1_250, "DE", "Europe/Berlin"),
    Company("Eichwald Maschinenbau", "eichwald.example", "manufacturing", 780, "DE", "Europe/Berlin"),
    Company("Rheinkauf", "rheinkauf.example", "retail", 2_300, "DE", "Europe/Berlin"),
    Company("Lindenhof Software", "lindenhof.example", "software", 140, "DE", "Europe/Berlin"),
    Company("Falkenberg Bank", "falkenberg-bank.example", "finance", 3_100, "DE", "Europe/Berlin"),
    Company("Polderlijn", "polderlijn.example", "logistics", 330, "NL", "Europe/Amsterdam"),
    Company("Vermeer Metaal", "vermeer-metaal.example", "manufacturing", 210, "NL", "Europe/Amsterdam"),
    Company("Grachtensoft", "grachtensoft.example", "software", 60, "NL", "Europe/Amsterdam"),
    Company("Thornbury Freight", "thornbury.example", "logistics", 640, "GB", "Europe/London"),
    Company("Ashcombe Stores", "ashcombe.example", "retail", 1_100, "GB", "Europe/London"),
    Company("Larkfield Systems", "larkfield.example", "software", 230, "GB", "Europe/London"),
    Company("Pemberton Health", "pemberton-health.example", "healthcare", 900, "GB", "Europe/London"),
    Company("Cedar Ridge Supply", "cedar-ridge.example", "logistics", 510, "US", "America/New_York"),
    Company("Ironwood Components", "ironwood.example", "manufacturing", 870, "US", "America/Chicago"),
    Company("Bluewater Commerce", "bluewater.example", "retail", 350, "US", "America/Los_Angeles"),
    Company("Stackhaven", "stackhaven.example", "software", 290, "US", "America/Los_Angeles"),
    Company("Prairie Mutual", "prairie-mutual.example", "finance", 1_400, "US", "America/Chicago"),
    Company("Harborline Media", "harborline.example", "media", 120, "US", "America/New_York"),
    Company("Foundry & Pine", "foundry-pine.example", "retail", 40, "US", "America/Denver"),
    Company("Tidewell Robotics", "tidewell.example", "manufacturing", 75, "US", "America/New_York"),
    Company("Atelier Morel", "atelier-morel.example", "media", 35, "FR", "Europe/Paris"),
    Company("Transrhône", "transrhone.example", "logistics", 480, "FR", "Europe/Paris"),
    Company("Wisła Parts", "wisla-parts.example", "manufacturing", 310, "PL", "Europe/Warsaw"),
    Company("Costa Clara Hotels", "costa-clara.example", "hospitality", 620, "ES", "Europe/Madrid"),
    Company("Øresund Foods", "oresund-foods.example", "food", 450, "DK", "Europe/Copenhagen"),
    Company("Maple Bay Outfitters", "maple-bay.example", "retail", 190, "CA", "America/Toronto"),
    Company("Sakura Instruments", "sakura-instruments.example", "manufacturing", 2_600, "JP", "Asia/Tokyo"),
)

FIRST_NAMES = (
    "Anna", "Erik", "Ingrid", "Lars", "Maja", "Oskar", "Elsa", "Nils", "Klara", "Björn", "Lena", "Jürgen", "Katrin",
    "Stefan", "Petra", "Uwe", "Hanna", "Tobias", "Femke", "Daan", "Sanne", "Bram", "Lotte", "Pieter", "Olivia", "James",
    "Amelia", "Harry", "Grace", "Callum", "Priyanka", "Rahul", "Emily", "Michael", "Jessica", "David", "Ashley", "Brian",
    "Nicole", "Tyrone", "Camille", "Hugo", "Agnieszka", "Piotr", "Lucía", "Javier", "Mette", "Søren", "Chloe", "Kenji",
    "Yuki", "Fatima", "Omar", "Mei", "Diego", "Amara", "Noah", "Zoë", "Viktor", "Renée",
)  # fmt: skip
LAST_NAMES = (
    "Andersson", "Bergström", "Nyberg", "Holm", "Sjögren", "Ekdahl", "Schneider", "Vogel", "Krüger", "Brandt", "Hoffmann",
    "Keller", "de Vries", "Bakker", "van Dijk", "Visser", "Whitfield", "Hughes", "Clarke", "Patel", "Osborne", "Barnes",
    "Miller", "Johnson", "Ramirez", "Nguyen", "Foster", "Sullivan", "Price", "Coleman", "Moreau", "Lefèvre", "Kowalska",
    "Nowak", "García", "Ortega", "Jensen", "Østergaard", "Tremblay", "Tanaka", "Sato", "Haddad", "Okafor", "Lindholm",
    "Marsh", "Reyes", "Becker", "Lund", "Fischer", "Novak",
)  # fmt: skip

_PLAIN = str.maketrans(
    {"ö": "o", "ä": "a", "å": "a", "ü": "u", "ø": "o", "æ": "ae", "è": "e", "é": "e", "ë": "e", "í": "i", "ł": "l"}
)


def person(seed: int, number: int, company: Company, title: str, *, name: tuple[str, str]) -> Person:
    """Return the person of that number; the device id looks like those that trackers give out."""
    digest = blake2b(f"device {seed} {number}".encode(), digest_size=16).digest()
    return Person(number, *name, title, company, str(uuid.UUID(bytes=digest, version=4)))


def names(random: Random, count: int) -> list[tuple[str, str]]:
    """Return that many different names."""
    every = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    return random.sample(every, count)
