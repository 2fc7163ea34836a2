"""
Countries that go by one clock, with the zone of it: what a company's country says about the hour where it is.

Of the tz database's list of zones by country, those whose zones all showed the same time from 2025 to 2026. Who has
several clocks (the United States, Spain with its islands, Australia) is not here: a guess would be wrong for some.
"""

_COUNTRIES = """
AD Europe/Andorra Andorra
AE Asia/Dubai United Arab Emirates
AF Asia/Kabul Afghanistan
AG America/Antigua Antigua and Barbuda
AI America/Anguilla Anguilla
AL Europe/Tirane Albania
AM Asia/Yerevan Armenia
AO Africa/Luanda Angola
AR America/Argentina/Buenos_Aires Argentina
AS Pacific/Pago_Pago American Samoa
AT Europe/Vienna Austria, Österreich
AW America/Aruba Aruba
AX Europe/Mariehamn Åland Islands
AZ Asia/Baku Azerbaijan
BA Europe/Sarajevo Bosnia and Herzegovina
BB America/Barbados Barbados
BD Asia/Dhaka Bangladesh
BE Europe/Brussels Belgium
BF Africa/Ouagadougou Burkina Faso
BG Europe/Sofia Bulgaria
BH Asia/Bahrain Bahrain
BI Africa/Bujumbura Burundi
BJ Africa/Porto-Novo Benin
BL America/St_Barthelemy Saint Barthelemy
BM Atlantic/Bermuda Bermuda
BN Asia/Brunei Brunei
BO America/La_Paz Bolivia
BQ America/Kralendijk Caribbean Netherlands
BS America/Nassau Bahamas
BT Asia/Thimphu Bhutan
BW Africa/Gaborone Botswana
BY Europe/Minsk Belarus
BZ America/Belize Belize
CC Indian/Cocos Cocos Islands
CF Africa/Bangui Central African Republic
CG Africa/Brazzaville Congo
CH Europe/Zurich Switzerland, Schweiz, Suisse
CI Africa/Abidjan Ivory Coast, Côte d'Ivoire
CK Pacific/Rarotonga Cook Islands
CM Africa/Douala Cameroon
CO America/Bogota Colombia
CR America/Costa_Rica Costa Rica
CU America/Havana Cuba
CV Atlantic/Cape_Verde Cape Verde
CW America/Curacao Curaçao
CX Indian/Christmas Christmas Island
CY Asia/Nicosia Cyprus
CZ Europe/Prague Czechia, Czech Republic
DE Europe/Berlin Germany, Deutschland
DJ Africa/Djibouti Djibouti
DK Europe/Copenhagen Denmark, Danmark
DM America/Dominica Dominica
DO America/Santo_Domingo Dominican Republic
DZ Africa/Algiers Algeria
EE Europe/Tallinn Estonia
EG Africa/Cairo Egypt
EH Africa/El_Aaiun Western Sahara
ER Africa/Asmara Eritrea
ET Africa/Addis_Ababa Ethiopia
FI Europe/Helsinki Finland, Suomi
FJ Pacific/Fiji Fiji
FK Atlantic/Stanley Falkland Islands
FO Atlantic/Faroe Faroe Islands
FR Europe/Paris France
GA Africa/Libreville Gabon
GB Europe/London United Kingdom, UK, Great Britain, Britain
GD America/Grenada Grenada
GE Asia/Tbilisi Georgia
GF America/Cayenne French Guiana
GG Europe/Guernsey Guernsey
GH Africa/Accra Ghana
GI Europe/Gibraltar Gibraltar
GM Africa/Banjul Gambia
GN Africa/Conakry Guinea
GP America/Guadeloupe Guadeloupe
GQ Africa/Malabo Equatorial Guinea
GR Europe/Athens Greece
GS Atlantic/South_Georgia South Georgia and the South Sandwich Islands
GT America/Guatemala Guatemala
GU Pacific/Guam Guam
GW Africa/Bissau Guinea-Bissau
GY America/Guyana Guyana
HK Asia/Hong_Kong Hong Kong
HN America/Tegucigalpa Honduras
HR Europe/Zagreb Croatia
HT America/Port-au-Prince Haiti
HU Europe/Budapest Hungary
IE Europe/Dublin Ireland
IL Asia/Jerusalem Israel
IM Europe/Isle_of_Man Isle of Man
IN Asia/Kolkata India
IO Indian/Chagos British Indian Ocean Territory
IQ Asia/Baghdad Iraq
IR Asia/Tehran Iran
IS Atlantic/Reykjavik Iceland
IT Europe/Rome Italy, Italia
JE Europe/Jersey Jersey
JM America/Jamaica Jamaica
JO Asia/Amman Jordan
JP Asia/Tokyo Japan
KE Africa/Nairobi Kenya
KG Asia/Bishkek Kyrgyzstan
KH Asia/Phnom_Penh Cambodia
KM Indian/Comoro Comoros
KN America/St_Kitts Saint Kitts and Nevis
KP Asia/Pyongyang North Korea
KR Asia/Seoul South Korea, Korea
KW Asia/Kuwait Kuwait
KY America/Cayman Cayman Islands
KZ Asia/Almaty Kazakhstan
LA Asia/Vientiane Laos
LB Asia/Beirut Lebanon
LC America/St_Lucia Saint Lucia
LI Europe/Vaduz Liechtenstein
LK Asia/Colombo Sri Lanka
LR Africa/Monrovia Liberia
LS Africa/Maseru Lesotho
LT Europe/Vilnius Lithuania
LU Europe/Luxembourg Luxembourg
LV Europe/Riga Latvia
LY Africa/Tripoli Libya
MA Africa/Casablanca Morocco
MC Europe/Monaco Monaco
MD Europe/Chisinau Moldova
ME Europe/Podgorica Montenegro
MF America/Marigot Saint Martin
MG Indian/Antananarivo Madagascar
MH Pacific/Majuro Marshall Islands
MK Europe/Skopje North Macedonia
ML Africa/Bamako Mali
MM Asia/Yangon Myanmar
MO Asia/Macau Macau
MP Pacific/Saipan Northern Mariana Islands
MQ America/Martinique Martinique
MR Africa/Nouakchott Mauritania
MS America/Montserrat Montserrat
MT Europe/Malta Malta
MU Indian/Mauritius Mauritius
MV Indian/Maldives Maldives
MW Africa/Blantyre Malawi
MY Asia/Kuala_Lumpur Malaysia
MZ Africa/Maputo Mozambique
NA Africa/Windhoek Namibia
NC Pacific/Noumea New Caledonia
NE Africa/Niamey Niger
NF Pacific/Norfolk Norfolk Island
NG Africa/Lagos Nigeria
NI America/Managua Nicaragua
NL Europe/Amsterdam Netherlands, The Netherlands, Nederland
NO Europe/Oslo Norway, Norge
NP Asia/Kathmandu Nepal
NR Pacific/Nauru Nauru
NU Pacific/Niue Niue
OM Asia/Muscat Oman
PA America/Panama Panama
PE America/Lima Peru
PH Asia/Manila Philippines
PK Asia/Karachi Pakistan
PL Europe/Warsaw Poland, Polska
PM America/Miquelon Saint Pierre and Miquelon
PN Pacific/Pitcairn Pitcairn
PR America/Puerto_Rico Puerto Rico
PS Asia/Gaza Palestine
PW Pacific/Palau Palau
PY America/Asuncion Paraguay
QA Asia/Qatar Qatar
RE Indian/Reunion Réunion
RO Europe/Bucharest Romania
RS Europe/Belgrade Serbia
RW Africa/Kigali Rwanda
SA Asia/Riyadh Saudi Arabia
SB Pacific/Guadalcanal Solomon Islands
SC Indian/Mahe Seychelles
SD Africa/Khartoum Sudan
SE Europe/Stockholm Sweden, Sverige
SG Asia/Singapore Singapore
SH Atlantic/St_Helena Saint Helena
SI Europe/Ljubljana Slovenia
SJ Arctic/Longyearbyen Svalbard and Jan Mayen
SK Europe/Bratislava Slovakia
SL Africa/Freetown Sierra Leone
SM Europe/San_Marino San Marino
SN Africa/Dakar Senegal
SO Africa/Mogadishu Somalia
SR America/Paramaribo Suriname
SS Africa/Juba South Sudan
ST Africa/Sao_Tome Sao Tome and Principe
SV America/El_Salvador El Salvador
SX America/Lower_Princes Sint Maarten
SY Asia/Damascus Syria
SZ Africa/Mbabane Eswatini
TC America/Grand_Turk Turks and Caicos Islands
TD Africa/Ndjamena Chad
TF Indian/Kerguelen French Southern Territories
TG Africa/Lome Togo
TH Asia/Bangkok Thailand
TJ Asia/Dushanbe Tajikistan
TK Pacific/Fakaofo Tokelau
TL Asia/Dili East Timor
TM Asia/Ashgabat Turkmenistan
TN Africa/Tunis Tunisia
TO Pacific/Tongatapu Tonga
TR Europe/Istanbul Turkey, Türkiye
TT America/Port_of_Spain Trinidad and Tobago
TV Pacific/Funafuti Tuvalu
TW Asia/Taipei Taiwan
TZ Africa/Dar_es_Salaam Tanzania
UG Africa/Kampala Uganda
UY America/Montevideo Uruguay
UZ Asia/Samarkand Uzbekistan
VA Europe/Vatican Vatican City
VC America/St_Vincent Saint Vincent
VE America/Caracas Venezuela
VG America/Tortola British Virgin Islands
VI America/St_Thomas US Virgin Islands
VN Asia/Ho_Chi_Minh Vietnam
VU Pacific/Efate Vanuatu
WF Pacific/Wallis Wallis and Futuna
WS Pacific/Apia Samoa
YE Asia/Aden Yemen
YT Indian/Mayotte Mayotte
ZA Africa/Johannesburg South Africa
ZM Africa/Lusaka Zambia
ZW Africa/Harare Zimbabwe
"""
"""A country a line: its ISO 3166 code, its zone, its names."""


def _read() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _COUNTRIES.strip().splitlines():
        code, zone, names = line.split(" ", 2)
        found |= dict.fromkeys((code.lower(), *(name.casefold() for name in names.split(", "))), zone)
    return found


_ZONES = _read()


def zone_of_country(country: object) -> str | None:
    """Return the zone of a country by its code or name, without case; None when it is unknown or has several."""
    return _ZONES.get(" ".join(country.split()).casefold()) if isinstance(country, str) else None
