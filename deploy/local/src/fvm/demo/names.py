"""Names, streets and towns of people who do not exist; given names by the years in which they were common."""

from random import Random

_GIVEN = {
    "female": (
        (1946, """Astrid Maj-Britt Elsa Ingeborg Gunvor Margareta Kerstin Barbro Inga-Lill Britta Solveig Siv \
Gun Dagny Ulla"""),
        (1966, """Birgitta Eva Anita Gunilla Marianne Lena Agneta Monica Christina Yvonne Eila Ritva Elisabeth \
Annika Margit"""),
        (1986, "Maria Anna Helena Sara Jenny Malin Linda Susanne Camilla Åsa Ulrika Jessica Johanna Therese Carina"),
        (2006, "Emma Josefin Matilda Frida Amanda Hanna Elin Rebecca Lovisa Ida Nora Sanna Tove Klara Moa Felicia"),
        (9999, "Alice Vera Astrid Wilma Selma Ebba Signe Alma Lilly Saga Stella Leia Ella Iris Freja Hedda Ines Tyra"),
    ),
    "male": (
        (1946, "Arne Bengt Karl-Erik Sture Gösta Lennart Rune Stig Tage Åke Evert Nils Helge Sixten Olle Torsten"),
        (1966, "Lars Anders Kjell Hans Göran Bo Leif Ulf Christer Jan-Olov Kenneth Roger Pekka Tommy Rolf Matti"),
        (1986, """Mikael Fredrik Peter Stefan Jonas Mattias Daniel Andreas Thomas Henrik Patrik Jörgen Niklas \
Magnus Robert"""),
        (2006, """Oscar Viktor Simon Filip Anton Emil Jakob Alexander Linus Joakim Rasmus Isak Tobias Adam \
Sebastian Gustav"""),
        (9999, "Noah Liam William Hugo Elias Nils Ludvig Vincent Sixten Frans Malte Melker Otto Theo Loke Arvid"),
    ),
}  # fmt: skip
_FAMILY = [
    "Andersson",
    "Johansson",
    "Karlsson",
    "Nilsson",
    "Eriksson",
    "Larsson",
    "Olsson",
    "Persson",
    "Svensson",
    "Gustafsson",
    "Pettersson",
    "Jonsson",
    "Jansson",
    "Hansson",
    "Bengtsson",
    "Lindberg",
    "Jakobsson",
    "Magnusson",
    "Lindström",
    "Olofsson",
    "Lindqvist",
    "Lindgren",
    "Berg",
    "Axelsson",
    "Bergström",
    "Lundgren",
    "Mattsson",
    "Berglund",
    "Fredriksson",
    "Sandberg",
    "Henriksson",
    "Forsberg",
    "Sjöberg",
    "Wallin",
    "Engström",
    "Danielsson",
    "Håkansson",
    "Eklund",
    "Lundin",
    "Gunnarsson",
    "Holm",
    "Bergman",
    "Samuelsson",
    "Fransson",
    "Wikström",
    "Isaksson",
    "Nyström",
    "Björk",
    "Arvidsson",
    "Söderberg",
    "Löfgren",
    "Strömberg",
    "Hermansson",
    "Norberg",
    "Sundström",
    "Dahl",
    "Ström",
    "Åberg",
    "Ekström",
    "Hedlund",
    "Nordin",
    "Öhman",
    "Sundqvist",
    "Åström",
    "Kuoljok",
    "Blind",
    "Labba",
    "Niia",
    "Heikkinen",
    "Korhonen",
    "Virtanen",
    "Kovačević",
    "Hussein",
    "Yılmaz",
    "Nowak",
    "Ahmadi",
    "Tesfaye",
    "Hosseini",
    "Farah",
]
# Families that came from elsewhere keep given names from there.
_ELSEWHERE = {
    "Hussein": ("Zainab Hanan Samira Noor", "Kareem Hassan Mustafa Yousef"),
    "Yılmaz": ("Elif Ayşe Zeynep Selin", "Mehmet Emre Can Murat"),
    "Nowak": ("Agnieszka Katarzyna Zofia Ewa", "Tomasz Piotr Jakub Marek"),
    "Ahmadi": ("Maryam Laila Fatima Setareh", "Reza Amir Farhad Elyas"),
    "Tesfaye": ("Selam Hiwot Saba Liya", "Dawit Samuel Yonas Abel"),
    "Hosseini": ("Parisa Nasrin Shirin Leila", "Mehdi Kian Behrouz Omid"),
    "Farah": ("Hodan Ayaan Ifrah Sahra", "Abdi Mahad Liban Jama"),
    "Kovačević": ("Mirela Jasna Lejla Ana", "Goran Dragan Nikola Luka"),
}
_STREETS = (
    (
        """Storgatan Kyrkogatan Skolgatan Järnvägsgatan Strandvägen Björkvägen Granstigen Ringvägen Kungsgatan \
Lingonstigen """
        "Tallvägen Sjögatan Hamngatan Rönnvägen Kvarnvägen Ängsvägen Timmervägen Norra Esplanaden Bruksvägen Fjällgatan"
    )
    .replace("Norra Esplanaden", "Norra_Esplanaden")
    .split()
)
_TOWNS = (("999 10", "Norrby"), ("999 12", "Norrby"), ("999 30", "Sjövik"), ("999 34", "Sjövik"), ("999 50", "Almvik"))


def given(rng: Random, sex: str, year: int, family: str = "") -> str:
    """A given name that fits the year of birth, or the family."""
    if family in _ELSEWHERE:
        return rng.choice(_ELSEWHERE[family][0 if sex == "female" else 1].split())
    for until, names in _GIVEN[sex]:
        if year < until:
            return rng.choice(names.split())
    raise AssertionError("the last list holds for ever")


def family(rng: Random) -> str:
    return rng.choice(_FAMILY)


def address(rng: Random, town: str = "") -> dict[str, object]:
    """A FHIR Address; Norrby, Sjövik and Almvik and their postal codes do not exist."""
    places = [place for place in _TOWNS if not town or place[1] == town]
    code, city = rng.choice(places)
    street = rng.choice(_STREETS).replace("_", " ")
    line = f"{street} {rng.randint(1, 48)}{rng.choice(['', '', '', ' A', ' B'])}"
    return {"use": "home", "type": "both", "line": [line], "postalCode": code, "city": city, "country": "SE"}


def phone(rng: Random) -> dict[str, str]:
    """A mobile number from the series that are kept free for fiction (070-174 06 05 to 070-174 06 99)."""
    return {"system": "phone", "use": "mobile", "value": f"070-174 06 {rng.randint(5, 99):02d}"}
