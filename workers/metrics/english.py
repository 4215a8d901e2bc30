"""Small tables of English: what common words and letter pairs are, and which words cannot follow which."""

from __future__ import annotations


def _table(words: str) -> frozenset[str]:
    return frozenset(words.split())


DETERMINERS = _table("the a an my your his its our their every")
PREPOSITIONS = _table("of in on at by for with from to into about between through during under over")
CONJUNCTIONS = _table("and or but if because as than that which who when while where")
AUXILIARIES = _table(
    "is are was were be been being am has have had do does did will would can could may might must should shall"
)
PRONOUNS = _table("i you he she it we they me him her us them this these those there")
OTHERS = _table("not no so all any some more most other one also only very such what how up out then")

STOP_WORDS = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | PRONOUNS | OTHERS

_FINITE = _table("is are was were am has had does did")
_LINKING = _table("and or but if because than")

FORBIDDEN_AFTER: dict[str, frozenset[str]] = {
    # A noun phrase that has begun must bring its noun.
    **dict.fromkeys(DETERMINERS, DETERMINERS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | PRONOUNS),
    # A preposition wants its object; "to be" and "from under" are the exceptions that remain allowed.
    **dict.fromkeys(
        PREPOSITIONS - {"to"}, frozenset({"of", "and", "or", "but", "if", "than", "i", "he", "they"}) | _FINITE
    ),
    "to": frozenset({"of", "and", "or", "but", "to", "is", "are", "was", "were", "than", "he", "they", "i"}),
    # A finite verb does not follow a bare conjunction of words, nor another finite verb.
    **dict.fromkeys(_FINITE, _FINITE | frozenset({"of", "than"})),
    **dict.fromkeys(_LINKING, frozenset({"and", "or", "than", "of"})),
}
"""For a first word, the second words that good prose (nearly) never has right after it."""

COMMON_BIGRAMS = _table(
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri "
    "ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut "
    "ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi "
    "ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke ui ag pp oo if rm ap bo av ls do ru ga bu ov qu "
    "rd ff ye sp cl cr up kn da ck ue ew go au fr br ht lt ds rn my ei ef tt uc ps rc ft ud af um rr va ub nu ak "
    "gr ib ob ug by tl cu pi ys bi od sc ks eb ek sm gi dr ip mb oc gl uk eg yo sl lf lu fl sk ok oi rk ep ua nk "
    "ju oa sw fa gs ws hu mm dy ms tw vo mu cc nn aw eo xp ki du fu xt lv ey lp ja pu gu ba hr ph ka cy oe ix eu "
    "lk ln nf rg rl rv nm nv pt wn ze iz oy ax az sy je jo rb rp rw dd dl dg gg bb bs lm oz yp za"
)
"""The letter pairs that make up about 98% of those within the words of English prose."""
