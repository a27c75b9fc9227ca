"""Replies that are often given: a beginning that whoever answers reads through and changes."""

REPLIES: dict[str, tuple[str, str]] = {
    "kom-in": (
        "Kom på besök",
        "Hej,\n\nTack för ditt meddelande. Vi vill träffa dig för att bedöma det du beskriver. "
        "Boka en tid under Bokningar, eller ring oss.\n\n",
    ),
    "avvakta": (
        "Avvakta hemma",
        "Hej,\n\nTack för ditt meddelande. Det du beskriver går oftast över av sig självt. "
        "Hör av dig igen om det blir värre, eller om det inte är bättre om några dagar.\n\n",
    ),
    "fraga-mer": (
        "Fråga mer",
        "Hej,\n\nTack för ditt meddelande. För att kunna svara behöver vi veta lite mer. "
        "När började det? Blir det bättre eller sämre? Vad har du provat själv?\n\n",
    ),
    "recept": (
        "Om recept",
        "Hej,\n\nDu förnyar recept under Läkemedel. Där ser du också när det är klart. "
        "Hör av dig här om läkemedlet inte finns i din lista.\n\n",
    ),
    "annan": (
        "Annan mottagning",
        "Hej,\n\nTack för ditt meddelande. Det här hjälper en annan mottagning dig med. "
        "Skriv till dem under Kontakt, eller ring 1177 om du är osäker på vart du ska vända dig.\n\n",
    ),
}
