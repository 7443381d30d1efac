"""Each planted mistake is the mistake it is called, and the records say what the chapter says."""

import functools
import json

import numpy as np
import pytest
import torch

from gancourse import records
from gancourse.errors import UnknownName
from gancourse.notebook import figures
from gancourse_lab import exercises, fault_figures, faults, flags
from gancourse_lab.faults import FAULTS
from gancourse_studies import monitor_limits


@functools.cache
def images(model):
    return faults.load(model, "stand-in", 24)


def one_step(name, **changes):
    step, batches = faults.build(name, 0, images(FAULTS[name].model), **changes)
    before = {n: [p.clone() for p in getattr(step, n).parameters()] for n in networks(step)}
    terms = step(next(iter(batches)))
    moved = {
        n: any(
            not torch.equal(old, new)
            for old, new in zip(before[n], getattr(step, n).parameters(), strict=True)
        )
        for n in networks(step)
    }
    return step, terms, moved


def networks(step):
    return ("gen", "disc") if hasattr(step, "gen") else ("gen_ab", "gen_ba", "disc_a", "disc_b")


@pytest.mark.parametrize("name", [n for n, fault in FAULTS.items() if n != "still"])
def test_all_networks_move_in_every_run_but_one(name):
    assert all(one_step(name)[2].values())


def test_zero_grad_between_leaves_disc_a_where_it_was():
    """Mistake 2."""
    moved = one_step("still")[2]
    assert moved == {"gen_ab": True, "gen_ba": True, "disc_a": False, "disc_b": True}


def test_the_identity_terms_miss_their_lambda():
    """Mistake 3."""
    for name, weight in (("identity", 0.5), ("healthy-cyclegan", 5.0)):
        t = {key: value.item() for key, value in one_step(name)[1].items()}
        cycle, identity = t["cycle_a"] + t["cycle_b"], t["idt_a"] + t["idt_b"]
        expected = t["adv_a"] + t["adv_b"] + 10 * cycle + weight * identity
        assert t["gen"] == pytest.approx(expected, rel=1e-5)


def test_eps_took_the_place_of_momentum():
    """Mistake 6."""
    step, _ = faults.build("eps", 0, images("dcgan"))
    assert {layer.eps for layer in faults.norms(step.gen, step.disc)} == {0.8}


def test_reals_are_standardised():
    """Mistake 7."""
    _, batches = faults.build("range", 0, images("dcgan"))
    x = torch.cat(list(batches))
    assert abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05 and x.max() > 2


def test_reals_are_augmented_and_fakes_are_not():
    """Mistake 8."""
    step, batches = faults.build("leak", 0, images("dcgan"))
    x = torch.cat(list(batches))
    assert (x == 0).float().mean() > 0.3 and step.settings.diffaugment == ""


def test_kernel_three_at_stride_two_overlaps_unevenly():
    step, _ = faults.build("checkerboard", 0, images("dcgan"))
    z = torch.randn(2, 32)
    assert torch.equal(step.gen.eval()(z), step.ema.eval()(z))
    layer = step.gen.stages[-1][0]
    with torch.no_grad():
        layer.weight.fill_(1.0)
        counts = layer(torch.ones(1, layer.in_channels, 16, 16))[0, 0] / layer.in_channels
    assert counts.shape == (32, 32)
    assert sorted(set(counts[1:-1, 1:-1].flatten().tolist())) == [1, 2, 4]


def test_a_forgetful_run_is_the_healthy_one_up_to_the_middle():
    """Mistake 14."""
    runs = {n: faults.train(n, 0, images("dcgan"), epochs=2).history for n in ("healthy", "resume")}
    halves = [run.terms["gen"][:14] for run in runs.values()]
    assert halves[0] == halves[1]
    assert runs["healthy"].terms["gen"][14:] != runs["resume"].terms["gen"][14:]
    assert len(runs["resume"]) == 28


def test_an_unknown_fault_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownName, match="Did you mean 'no-detach'"):
        faults.build("no-detch")


# Records


def test_a_recorded_case_does_not_say_what_it_is(tmp_path, monkeypatch):
    train = faults.train
    monkeypatch.setattr(faults, "train", functools.partial(train, epochs=1))
    answer = faults.digest(1, "dead")
    monitor_limits.record("dead", 0, tmp_path / "case-1", images("dcgan"), answer=answer)
    monitor_limits.record("dead", 0, tmp_path / "dead", images("dcgan"), fault="dead ReLUs")
    texts = [(tmp_path / n / "record.json").read_text() for n in ("case-1", "dead")]
    case, known = map(json.loads, texts)
    assert "settings" not in case and "flags" not in case and case["answer"] == answer
    assert known["flags"][0]["name"] == "dead ReLUs" and known["settings"]["seed"] == 0
    assert case["curves"]["terms"].keys() == known["curves"]["terms"].keys()
    assert case["model"] == known["model"] == "dcgan" and case["weights"] == "last"
    assert case["samples"]["columns"] == [{"step": 0, "epoch": 0}] and case["steps"] == 14
    assert faults.digest(2, "dead") != answer and "dead" not in case["answer"]


def committed(name):
    return records.load(f"is-it-working/{name}")


@pytest.fixture
def here(monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS", raising=False)


def test_recorded_faults_name_themselves_and_healthy_ones_are_silent(here):
    for name, fault in FAULTS.items():
        flags = [flag["name"] for flag in committed(name)["flags"]]
        assert flags[:1] == ([fault.flag] if fault.flag else []), name


def test_every_case_has_one_answer_and_the_exercise_knows_it(here):
    sick = [name for name, fault in FAULTS.items() if fault.flag]
    asked = exercises.find("09.1").questions
    for number, question in enumerate(asked, start=1):
        answer = committed(f"case-{number}")["answer"]
        (name,) = [name for name in sick if faults.digest(number, name) == answer]
        assert question.truth == name and question.asks == f"patient {number}"


def test_a_fault_is_one_change(here):
    """One number, or one line: never two of its parts at once."""
    for name, fault in FAULTS.items():
        parts = [fault.step, fault.break_step, fault.break_batches, fault.forgets or None]
        planted = len(fault.settings) + sum(part is not None for part in parts)
        # its convolutions are replaced where there are transposed ones to replace, and both rates
        # of lr-x10 are ten times too high by one factor
        assert planted == (0 if not fault.flag else 2 if name in ("checkerboard", "lr-x10") else 1)


def test_some_faults_of_a_record_can_be_made_anew(here, monkeypatch):
    monkeypatch.setattr(monitor_limits, "SICK", 2)
    old = {"data": {"source": "real"}, "healthy": [], "sick": []}
    old["sick"] = [{"fault": f, "seed": n} for f in ("dead", "collapse", "leak") for n in (1, 2)]

    def seeds(images, names, count):
        return [{"fault": name, "seed": "new"} for name in names for _ in range(count)]

    monkeypatch.setattr(monitor_limits, "seeds", seeds)
    new = monitor_limits.renewed(old, ["collapse"], {})
    assert [row["seed"] for row in new["sick"]] == [1, 2, "new", "new", 1, 2]
    assert [row["fault"] for row in new["sick"]] == [row["fault"] for row in old["sick"]]
    assert new["renewed"]["faults"] == ["collapse"] and old["sick"][2]["seed"] == 1


@pytest.mark.parametrize("source", ["real", "stand-in"])
def test_at_most_one_false_alarm_in_twenty_seeds_and_no_fault_missed(here, source):
    run = committed(f"seeds-{source}")
    for name in {row["fault"] for row in run["healthy"]}:
        rows = [row for row in run["healthy"] if row["fault"] == name]
        assert len(rows) == 20 and sum(bool(row["flags"]) for row in rows) <= 1, name
    used = range(20)  # the seeds on which the limits were chosen
    assert not any(row["seed"] in used for row in run["healthy"] + run["sick"])
    for row in run["sick"]:
        assert row["flags"][0] == FAULTS[row["fault"]].flag, row


def test_the_tree_has_every_question_with_its_end_and_a_pair_keeps_its_colours():
    written = [text.get_text() for text in fault_figures.decisions().axes[0].texts]
    for question, ends, answer in fault_figures.QUESTIONS:
        at = written.index(question)
        assert written[at + 1] == answer
        assert ends in written[at + 2 : at + 5]
    samples = {name: torch.zeros(1, 1, 4, 4, dtype=torch.uint8) for name in ("healthy", "patient")}
    curves = {(name, "p"): ([1, 2], [0.1, 0.2]) for name in samples}
    figure = fault_figures.pair(samples, curves, "what")
    colours = [line.get_color() for line in figure.axes[2].lines]
    assert colours == [figures.BLUE, figures.ORANGE]


@pytest.mark.parametrize("letter", list(fault_figures.PATIENTS))
def test_a_patient_is_drawn_beside_the_same_latents_of_the_healthy_run(letter):
    """Red if the patient's samples or curves were taken from the healthy run."""
    patient = fault_figures.PATIENTS[letter]
    figure, alt = fault_figures.beside_healthy(letter)
    healthy, sick, diagram = figure.axes
    assert letter in sick.get_title() and letter in alt
    assert patient.run not in alt  # a riddle's answer
    assert healthy.images[0].get_array().shape == sick.images[0].get_array().shape
    assert np.any(healthy.images[0].get_array() != sick.images[0].get_array())
    drawn = [list(line.get_ydata()) for line in diagram.lines[: 2 * len(patient.of)]]
    run = records.load(f"is-it-working/{patient.run}")
    assert [list(fault_figures.over_steps(run, name)[1]) for name in patient.of] == drawn[
        len(patient.of) :
    ]


def test_a_chart_has_grey_behind_and_a_term_that_a_run_lacks_only_in_grey():
    well = records.load("is-it-working/healthy-cyclegan")
    figure = fault_figures.chart(records.load("is-it-working/lambda-0"), well)
    colours = [line.get_color() for line in figure.axes[1].lines if len(line.get_ydata())]
    assert set(colours) == {figures.GREY}
    assert {figures.BLUE, figures.ORANGE} < {line.get_color() for line in figure.axes[0].lines}


def test_curves_alone_draw_each_patients_own_curve_and_tell_no_name():
    """Red if a patient's curve were taken from the healthy run, or the alt text told its name."""
    figure, alt = fault_figures.curves_alone()
    for axis, (letter, term) in zip(figure.axes, fault_figures.LOOKED_FOR.items(), strict=True):
        run = records.load(fault_figures.RIDDLES[letter])
        assert run["run"] not in alt and f"patient {letter}" in axis.get_title()
        assert list(axis.lines[1].get_ydata()) == list(fault_figures.curves_of(run)[term])
        assert list(axis.lines[0].get_ydata()) != list(axis.lines[1].get_ydata())


def test_room_draws_every_reading_and_the_limit():
    groups = {"healthy": [1.0, 2.0], "other faults": [0.5], "planted": [0.1]}
    (axis,) = fault_figures.room({"mode collapse": groups}).axes
    heights = [list(line.get_ydata()) for line in axis.lines]
    limit = flags.SIGNS["mode collapse"].limit
    assert heights == [[1.0, 2.0], [0.5], [0.1], [limit, limit]]
