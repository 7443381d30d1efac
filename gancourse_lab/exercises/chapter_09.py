"""The answers of chapter 09."""

from __future__ import annotations

from gancourse.train.loop import fit
from gancourse_lab import faults, flags
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Property, Value
from gancourse_lab.monitor import Monitor

LOG = {"gen": [5.0] * 100, "disc_a": [0.2] * 100, "disc_b": [0.0004] * 100}


def silenced(repair, seed: int, images) -> str:
    """What the monitor still says of a run with eps for momentum, after ``repair`` of its step."""
    step, batches = faults.build("eps", seed, images)
    repair(step)
    monitor = Monitor(log=None)
    fit(step, batches, 1, [monitor])
    said = ", ".join(flag.name for flag in monitor.flags)
    return f"the monitor still raises {said}" if said else ""


def reached() -> float:
    """D's margin in ``LOG``."""
    return flags.margin(LOG, "lsgan")


def larger_of(largest: dict) -> str:
    """The listing whose losses differ more from the right ones."""
    return max(largest, key=largest.get)


EXERCISES = {
    "09.6": Exercise(
        (
            Value(
                "patient A",
                "strong-d",
                (
                    "D is sure of everything from step 50 on. Does the picture say that G learns?",
                    "Which row of section 2 says in words what its beliefs say in numbers?",
                ),
                (("dead", "A dead G makes one grey picture; this one has blotches."),),
            ),
            Value(
                "patient B",
                "collapse",
                (
                    "Compare its four pictures, corner by corner. What do four latents give?",
                    "Its diversity is below the limit. What is it called when samples are alike?",
                ),
                (("dead", "A dead G makes one grey; this is one texture."),),
            ),
            Value(
                "patient C",
                "checkerboard",
                (
                    "Look at the picture from near. What repeats itself?",
                    "The comb is far above its limit: a regular grid.",
                ),
                (("leak", "A leak is smooth; here something repeats itself."),),
            ),
            Value(
                "patient D",
                "eps",
                (
                    "G's loss stays at log 2: D answers ½ to everything. Why does it see nothing?",
                    "No gradient is lost, no data is wrong: one setting of the layers.",
                ),
                (
                    ("leak", "D is undecided there, too, but look for patches of one mid-grey."),
                    ("healthy", "A curve at the equilibrium is not yet a healthy run: look."),
                ),
            ),
        ),
        """
patient_a = "strong-d"
patient_b = "collapse"
patient_c = "checkerboard"
patient_d = "eps"
""",
        "Causes and repairs stand below, folded.",
    ),
    "09.1": Exercise(
        (
            Value(
                "patient 1",
                "checkerboard",
                (
                    "Look at the pictures of step 56, from near. Which reading is out of range?",
                    "The comb is 0.077, healthy runs have 0.0003 at most.",
                ),
                (
                    ("strong-d", "D gains until step 126, but its margin is in range."),
                    ("leak", "A leak is smooth; here something repeats itself."),
                ),
            ),
            Value(
                "patient 2",
                "lr-x10",
                (
                    "Follow one latent along its row. What has one picture to do with the next?",
                    "Bars, plain grey, stripes, of one latent. Which reading asks for that?",
                ),
                (("collapse", "Down a column the pictures differ: diversity is in range."),),
            ),
            Value(
                "patient 3",
                "leak",
                (
                    "D is near ½, and its pictures hold smooth areas. Of which grey?",
                    "Mid-grey is where the reals have none. Who shows D mid-grey as real?",
                ),
                (
                    ("eps", "D is near ½ there, too. Compare the grey patches of 3 and 4."),
                    ("dead", "A dead G makes one picture; these differ."),
                ),
            ),
            Value(
                "patient 4",
                "eps",
                (
                    "D at ½, soft pictures, the lowest diversity and the smallest margin.",
                    "What was not asked for? The state, the range, one setting of the layers.",
                ),
                (
                    ("leak", "Grey patches of 6, but less than half of patient 3's."),
                    ("collapse", "The pictures are alike in kind, but not the same."),
                    ("range", "Then the samples would be too bright."),
                ),
            ),
            Value(
                "patient 5",
                "strong-d",
                (
                    "How long does D need to be sure? And what does G do meanwhile?",
                    "The margin is 1, and the pictures of a row hardly change: who is too slow?",
                ),
                (
                    ("dead", "A dead G makes one grey picture for all latents; these differ."),
                    ("range", "D sees through everything here; look at the margin."),
                ),
            ),
        ),
        """
patient_1 = "checkerboard"
patient_2 = "lr-x10"
patient_3 = "leak"
patient_4 = "eps"
patient_5 = "strong-d"
""",
        "**1** The same grid in all pictures until step 126, and a D that gains until then. **2** "
        "The pictures of a row have nothing in common: the jump is 0.43, 0.18 at most in healthy "
        "runs. **3** D near ½, smooth patches of mid-grey in every picture: 16, healthy runs have "
        "2.6 at most. **4** This one is hard: D at ½ again, and grey patches of 6.1, above all "
        "healthy runs, yet less than half of patient 3's. Its diversity (0.42) is the lowest of "
        "the five, its D's margin (0.021) the smallest. The layers' `eps`, which was not asked "
        "for, settles it. **5** D is sure, its margin is 0.99, and the pictures do not change: a "
        "step moves the samples by 0.0002, since G learns a thousandth as fast as it should.",
    ),
    "09.7": Exercise(
        (
            Value(
                "patient 6",
                "identity",
                (
                    "It has left home, and came back. Which mistake lets it leave at all?",
                    "At λ = 40 the first stroke costs more than D pays. And the third has no flag.",
                ),
                (("lambda", "Then it would never have left: look at step 200."),),
            ),
            Value(
                "patient 7",
                "colours",
                (
                    "It works, by every number. What is Grumpy Cat's eye like?",
                    "Compare with the opening figure of chapter 06: her eyes are blue.",
                ),
                (),
            ),
            Value(
                "patient 8",
                "lambda",
                (
                    "Its pictures never change. Which weight makes every change dear, from step 1?",
                    "The smallest error of the way back of the three: who asked for that?",
                ),
                (("identity", "That one concerns pictures of the target domain: it can leave."),),
            ),
        ),
        'patient_6 = "identity"\npatient_7 = "colours"\npatient_8 = "lambda"',
        "**6** The identity term weighs 50 times as much: at step 200 there is a mask, then D is "
        "sure and home is cheapest. **7** Orange eyes and a bluish nose: red and blue of B are "
        "exchanged. **8** At λ = 40 nothing that G could paint is worth its price.",
    ),
    "09.2": Exercise(
        (
            Property(
                "a repair that silences the monitor",
                silenced,
                (
                    "`faults.norms(step.gen, step.disc)` lists the layers. What did the second "
                    "argument set?",
                    "Put `eps` back to 1e-5. And the momentum was meant to be what?",
                ),
            ),
        ),
        """
def repair(step):
    for layer in faults.norms(step.gen, step.disc):
        layer.eps, layer.momentum = 1e-5, 0.2
""",
        "A momentum of 0.8 in Keras, where this line was copied from, is the weight of the *old* "
        "average. PyTorch's momentum is that of the new batch: 0.2.",
    ),
    "09.3": Exercise(
        (
            Value(
                "largest difference of Q",
                lambda largest: float(largest["Q"]),
                (
                    "When are G's gradients cleared in Q, and when are they used?",
                    "Between the leak and G's own backward pass stands a `zero_grad`.",
                ),
            ),
            Value(
                "the harmful one",
                larger_of,
                (
                    "In which of the two is the leaked gradient still there at `opt_gen.step()`?",
                    "In P both are cleared before D's backward pass, and never again.",
                ),
            ),
        ),
        'difference = 0.0\nwrong = "P"',
        "In Q the gradient that leaked is cleared before G's own arrives: it costs the time of a "
        "backward pass through G and changes nothing. In P the two are added, and G also descends "
        "on D's loss: it learns to be recognised.",
    ),
    "09.4": Exercise(
        (
            Value(
                "margin",
                reached,
                (
                    "With least squares a D that errs by $e$ has the loss $e^2$.",
                    "$1 - 2\\sqrt{\\text{loss}}$, and √0.0004 = 0.02.",
                ),
                (
                    (1 - 2 * 0.0004, "Take the root of the loss first."),
                    (0.98, "D errs by 0.02 on reals *and* on fakes."),
                ),
                tolerance=1e-4,
            ),
            Value(
                "flag raised",
                lambda: reached() > flags.LIMITS["cyclegan"]["D wins"],
                (
                    "A CycleGAN's limit is 0.65, a DCGAN's 0.95. Is one D enough?",
                    "The reading takes the surer of the two.",
                ),
            ),
        ),
        "reached = 1 - 2 * 0.02\nraised = True",
        "$\\sqrt{0.0004} = 0.02$. One of the two discriminators is enough: $D_B$ teaches $G$ "
        "nothing any more, however well $D_A$ and $F$ are matched.",
    ),
}
