"""Sentences of a small grammar whose entropy is known exactly, and the comparison of a training run with it.

usage: grammar_text.py write FILE SENTENCES
       grammar_text.py check MARGIN < result of `moru train --json`

Every sentence has one derivation (a noun says whether it is one or many, whatever stands before it), so the entropy of a sentence is the sum of
those of its choices, and that of a token, in the long run, the sum divided by the mean length.
"""
import json
import math
import sys

ONE = {"determiner": {"the": 0.5, "a": 0.3, "every": 0.2},
       "noun": {"cat": 0.3, "dog": 0.25, "child": 0.2, "teacher": 0.15, "river": 0.1},
       "goes": {"sleeps": 0.5, "waits": 0.3, "sings": 0.2},
       "does": {"sees": 0.4, "likes": 0.3, "follows": 0.2, "hears": 0.1}}
MANY = {"determiner": {"the": 0.5, "some": 0.3, "many": 0.2},
        "noun": {"cats": 0.3, "dogs": 0.25, "children": 0.2, "teachers": 0.15, "rivers": 0.1},
        "goes": {"sleep": 0.5, "wait": 0.3, "sing": 0.2},
        "does": {"see": 0.4, "like": 0.3, "follow": 0.2, "hear": 0.1}}
ADVERB = {"today": 0.5, "again": 0.3, "often": 0.2}
IS_MANY, HAS_OBJECT, HAS_ADVERB = 0.4, 0.6, 0.3


class Draws:
    """Numbers in [0, 1) by a linear congruential generator (Knuth's MMIX)."""

    def __init__(self, seed):
        self.state = seed

    def number(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) / 2**53

    def chance(self, probability):
        return self.number() < probability

    def choice(self, words):
        rest = self.number()
        for word, probability in words.items():
            rest -= probability
            if rest < 0:
                return word
        return word


def sentence(draws):
    def phrase():
        kind = MANY if draws.chance(IS_MANY) else ONE
        return kind, [draws.choice(kind["determiner"]), draws.choice(kind["noun"])]

    kind, words = phrase()
    if draws.chance(HAS_OBJECT):
        words += [draws.choice(kind["does"])] + phrase()[1]
    else:
        words.append(draws.choice(kind["goes"]))
    if draws.chance(HAS_ADVERB):
        words.append(draws.choice(ADVERB))
    return words + ["."]


def entropy(probabilities):
    return -sum(p * math.log(p) for p in probabilities)


def entropy_per_token():
    def coin(p):
        return entropy([p, 1 - p])

    def both(part):
        return IS_MANY * entropy(MANY[part].values()) + (1 - IS_MANY) * entropy(ONE[part].values())

    phrase = coin(IS_MANY) + both("determiner") + both("noun")
    verb = coin(HAS_OBJECT) + HAS_OBJECT * (both("does") + phrase) + (1 - HAS_OBJECT) * both("goes")
    adverb = coin(HAS_ADVERB) + HAS_ADVERB * entropy(ADVERB.values())
    length = 2 + 1 + HAS_OBJECT * 2 + HAS_ADVERB + 1
    return (phrase + verb + adverb) / length


if sys.argv[1] == "write":
    draws = Draws(1)
    with open(sys.argv[2], "w") as file:
        for _ in range(int(sys.argv[3])):
            file.write(" ".join(sentence(draws)) + "\n")
else:
    result, exact = json.load(sys.stdin), entropy_per_token()
    got, bound = result["valid_nats_per_token"], exact + float(sys.argv[2])
    print(f"entropy {exact:.4f}, held-out loss {got:.4f} (perplexity {result['valid_perplexity']:.3f})")
    assert exact - 0.05 < got <= bound, f"expected a loss from {exact - 0.05:.4f} to {bound:.4f}, got {got:.4f}"
