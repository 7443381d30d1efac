"""The answers of chapter 11."""

import numpy as np

from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value


def cases() -> dict[str, tuple]:
    draw = np.random.default_rng(11)
    return {
        "all right": (np.array([0, 1, 1, 2]), np.array([0, 1, 1, 2]), 3),
        "all of one class": (np.array([0, 0, 0, 1]), np.zeros(4, int), 2),
        "a class that is not there": (np.array([0, 0, 1]), np.array([0, 1, 1]), 3),
        "200 of six classes": (draw.integers(6, size=200), draw.integers(6, size=200), 6),
    }


def macro_f1(labels, guessed, classes):
    found = []
    for k in range(classes):
        hit = np.sum((labels == k) & (guessed == k))
        said = np.sum(labels == k) + np.sum(guessed == k)
        found.append(2 * hit / said if said else 0)
    return np.mean(found)


def micro_f1(labels, guessed, classes):
    return np.mean(labels == guessed)


def recall_mean(labels, guessed, classes):
    found = []
    for k in range(classes):
        of = labels == k
        found.append(np.mean(guessed[of] == k) if of.any() else 0)
    return np.mean(found)


EXERCISES = {
    "11.1": Exercise(
        (
            Function(
                "macro-F1",
                macro_f1,
                cases,
                (
                    "A class's F1 is 2·hits / (how often it is there + how often it is guessed).",
                    "Mind the class that is neither there nor guessed: 0, not a division by 0.",
                ),
                (
                    (micro_f1, "That is the accuracy: frequent classes count more."),
                    (recall_mean, "That is the mean recall: false alarms cost nothing in it."),
                ),
            ),
        ),
        """
def macro_f1(labels, guessed, classes):
    found = []
    for k in range(classes):
        hit = np.sum((labels == k) & (guessed == k))
        said = np.sum(labels == k) + np.sum(guessed == k)
        found.append(2 * hit / said if said else 0)
    return np.mean(found)
""",
        "2PR/(P + R) with P = hits/guessed and R = hits/there is 2·hits/(there + guessed). The "
        "mean over classes lets a rare class count as much as a frequent one.",
    ),
    "11.2": Exercise(
        (
            Value(
                "accuracy of always saying clean",
                97 / 151,
                ("How many of the 151 are right?", "97 of 151."),
                tolerance=0.005,
            ),
            Value(
                "its macro-F1",
                194 / 248 / 2,
                (
                    "Clean: 2·97 / (97 + 151). And the defects?",
                    "The defects' F1 is 0; take the mean of the two.",
                ),
                ((194 / 248, "That is the F1 of the clean class alone."),),
                tolerance=0.005,
            ),
            Value("its recall of defects", 0.0, ("How many of the 54 does it find?", "None.")),
        ),
        "accuracy = 97 / 151\nlazy_f1 = (2 * 97 / (97 + 151) + 0) / 2\nlazy_recall = 0.0",
        "64 % right without a look at the picture: accuracy hides the class that matters. Macro-F1 "
        "is 0.39. The study's classifiers are judged by that, and by recall and PR-AUC.",
    ),
    "11.3": Exercise(
        (
            Value(
                "the step that comes too late",
                3,
                (
                    "Which pictures has the generator seen?",
                    "All 300, those of the test among them: what comes before the DCGAN?",
                ),
                ((1, "Loading is fine: what happens to the pictures next?"),),
            ),
            Value(
                "the step it must precede",
                2,
                (
                    "Who learns first?",
                    "The DCGAN learns in step 2; the split must be made before.",
                ),
                ((4, "It does precede the classifiers. Who else learns?"),),
            ),
        ),
        "step = 3\nbefore = 2",
        "The DCGAN has seen the test pictures, and hands them, more or less blurred, to one of the "
        "classifiers. A split by hash also tears strips apart: split by piece. "
        "`imbalance.check_apart` finds exact copies only, so the order has to be right.",
    ),
    "11.4": Exercise(
        (
            Value("false finds to be expected", 1.0, ("5 % of each of twenty.", "20 · 0.05.")),
            Value(
                "at least one",
                1 - 0.95**20,
                (
                    "What is the chance that none of the twenty strikes?",
                    "1 less the chance that all twenty stay silent, 0.95 to the 20.",
                ),
                ((1.0, "Expected is one; that none strikes has a chance of 0.36."),),
                tolerance=0.005,
            ),
        ),
        "expected = 20 * 0.05\nat_least_one = 1 - 0.95**20",
        "One false find is expected, and at least one comes with 64 %. Divide the 5 % by the "
        "number of questions (Bonferroni), or ask fewer.",
    ),
}
