"""Chapter 09's records: ``python -m gancourse_studies.monitor_limits [gallery | cases | seeds]``.

``gallery`` runs every fault once and the healthy DCGAN four times as long, ``cases`` five faults
that do not say what they are, ``seeds`` the healthy models over 20 seeds and every fault over five,
on which no limit of the monitor was chosen. Together about 20 minutes of one core; they go to
``records/is-it-working`` (or ``--out``).
``--only FAULT FAULT`` renews these and leaves the rest of the records as it is.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from gancourse import device, profiles, records
from gancourse.data import ImageSet
from gancourse.data.batches import batches_of, load_data, load_domain, pairs_of
from gancourse.train.cyclegan import CycleGANStep
from gancourse.train.dcgan import DCGANStep, sample_z
from gancourse.train.loop import Samples, fit
from gancourse_lab import faults
from gancourse_lab.faults import FAULTS
from gancourse_lab.monitor import Monitor
from gancourse_studies import recording

SHOWN = 6  # latents, or drawn horses, in a strip
EPOCHS = (0, 4, 9, 18)  # of the DCGAN's strip
SHORT = 252  # steps of the DCGAN's runs: of a longer one as many values are kept
LONG = 72  # epochs of the healthy run that is given time to look healthy
# Picks the cases, and is their seed. Chosen so that curves and samples are enough to tell them.
CASES = 32
HEALTHY, SICK = 20, 5  # seeds
FIRST = 100  # the limits of gancourse_lab.flags were chosen on seeds 0 to 19: these are others
ELSEWHERE = (
    ("neu-scratches", {}),
    ("neu-scratches", {"augment": "steel"}),
    ("cats", {}),
    ("cats", {"diffaugment": "color,translation,cutout"}),
    ("horse2zebra", {}),
    ("grumpy-cats", {"epochs": 13}),
)


def strip_of(outcome, samples: Samples | None, images) -> list:
    """A DCGAN's samples over time; of a CycleGAN horses, their translations, and the way back."""
    if samples:
        steps = len(images) // outcome.step.settings.batch_size  # of an epoch
        return [({"step": steps * e, "epoch": e}, shown) for e, shown in samples.images]
    horses = images[0].images[:SHOWN, :, 2:-2, 2:-2]
    nothing = horses[:0]
    there = outcome.step.sample((horses, nothing))
    shown = {"x": horses, "G(x)": there, "F(G(x))": outcome.step.sample((nothing, there))}
    return [({"label": label}, pictures) for label, pictures in shown.items()]


def record(name: str, seed: int, out: Path, images, epochs: int = EPOCHS[-1], **more) -> None:
    """Run one fault and keep curves, strip, flags and readings."""
    model, samples = FAULTS[name].model, None
    monitor = Monitor(log=None)
    if model == "dcgan":
        settings = faults.build(name, seed, images)[0].settings
        fixed = torch.Generator().manual_seed(20_000)
        z = sample_z(SHOWN, settings, torch.device("cpu"), fixed)
        samples = Samples(z, (*EPOCHS, *(e for e in (LONG // 2, LONG) if e <= epochs)), ema=False)
    watchers = [monitor, samples] if samples else [monitor]
    changes = {"epochs": epochs} if epochs != EPOCHS[-1] else {}
    outcome = faults.train(name, seed, images, watchers, **changes)
    first = images if isinstance(images, ImageSet) else images[0]
    if not more.get("answer"):  # settings and flags would give a case away
        more["settings"] = dataclasses.asdict(outcome.step.settings)
        more["flags"] = [dataclasses.asdict(flag) for flag in monitor.flags]
    content = {
        "model": model,
        "experiment": "is-it-working",
        "run": out.name,
        "commit": recording.commit(),
        "device": device.describe(outcome.step.device),
        "steps": len(outcome.history),
        "minutes": round(outcome.history.seconds / 60, 3),
        "weights": "last",
        "data": {"caption": first.caption, "source": first.source},
        "curves": recording.thinned(outcome.history.terms, SHORT, SHORT),
        "readings": recording.rounded(monitor.readings),
    }
    recording.save(out, content | more, strip_of(outcome, samples, images))


def seeds(images: dict, names, count: int) -> list[dict]:
    """The readings, flags and last curves of ``count`` seeds of each fault in ``names``."""
    found = []
    for name in names:
        for seed in range(FIRST, FIRST + count):
            monitor = Monitor(log=None)
            outcome = faults.train(name, seed, images[FAULTS[name].model], [monitor])
            last = {k: sum(v[-100:]) / 100 for k, v in outcome.history.terms.items()}
            found.append(
                {
                    **{"fault": name, "seed": seed, "flags": [f.name for f in monitor.flags]},
                    "readings": recording.rounded(monitor.readings, 3),
                    "last": recording.rounded(last),
                }
            )
            print(name, seed, found[-1]["flags"], flush=True)
    return found


def elsewhere() -> list[dict]:
    """The flags on other networks and data: the course's own quick runs, seed 0."""
    found = []
    for experiment, changes in ELSEWHERE:
        settings = profiles.settings(experiment, "quick", **changes)
        device.seed_everything(0)
        if settings.model == "dcgan":
            step, images = DCGANStep(settings), load_data(settings)
            batches, sets = batches_of(images.to(step.device), settings), [images]
        else:
            step = CycleGANStep(settings)
            sets = [load_domain(settings, part) for part in "AB"]
            horses, zebras = (images.to(step.device) for images in sets)
            batches = pairs_of(horses, zebras, settings)
        monitor = Monitor(log=None)
        steps = len(fit(step, batches, settings.epochs, [monitor]))
        row = {"experiment": experiment, "changes": changes, "steps": steps}
        row |= {"data": "; ".join(x.caption for x in sets)}
        flags = [dataclasses.asdict(flag) for flag in monitor.flags]
        found.append({**row, "flags": flags, "readings": recording.rounded(monitor.readings, 3)})
        print(experiment, changes, [flag["name"] for flag in flags], flush=True)
    return found


def chosen(kind: str, source: str) -> list[str]:
    """Healthy or sick runs; the CycleGAN's pictures are always drawn, so once is enough."""
    return [
        name
        for name, fault in FAULTS.items()
        if bool(fault.flag) == bool(kind) and (fault.model == "dcgan" or source != "stand-in")
    ]


def renewed(old: dict, only: list[str], images: dict) -> dict:
    """The content ``old`` of a ``seeds`` record with the runs of the faults ``only`` made anew."""
    runs = {"healthy": (HEALTHY, ""), "sick": (SICK, "sick")}
    content = old | {"renewed": {"faults": only, "commit": recording.commit()}}
    for kind, (count, planted) in runs.items():
        names = [n for n in chosen(planted, old["data"]["source"]) if n in only]
        fresh = {name: seeds(images, [name], count) for name in names}
        places = [row["fault"] for row in old[kind]]
        for name, rows in fresh.items():
            at = places.index(name)
            content[kind] = [*content[kind][:at], *rows, *content[kind][at + count :]]
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["gallery", "cases", "seeds"])
    parser.add_argument("--source", default="auto", help="of the steel: auto, real or stand-in")
    parser.add_argument("--out", type=Path, default=records.folder() / "is-it-working")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=[], metavar="FAULT")
    args = parser.parse_args()
    wanted = args.only or list(FAULTS)
    images = {model: faults.load(model, args.source) for model in faults.EXPERIMENTS}
    if "gallery" in args.what:
        for name in wanted:
            fault = FAULTS[name]
            record(name, 0, args.out / name, images[fault.model], fault=fault.flag)
            print(name, flush=True)
        if "healthy" in wanted:
            record("healthy", 0, args.out / "healthy-long", images["dcgan"], LONG, fault="")
    if "cases" in args.what:
        drawn = [n for n, fault in FAULTS.items() if fault.flag and fault.model == "dcgan"]
        drawn = sorted(drawn, key=lambda name: faults.digest(CASES, name))[:5]
        for case, name in enumerate(drawn, 1):
            if name in wanted:
                out = args.out / f"case-{case}"
                record(name, CASES, out, images["dcgan"], answer=faults.digest(case, name))
    if "seeds" in args.what and args.only:
        run = f"seeds-{images['dcgan'].source}"
        old = records.load(f"is-it-working/{run}").content
        recording.save(args.out / run, renewed(old, args.only, images))
    elif "seeds" in args.what:
        steel = images["dcgan"]
        content = {
            "model": "measurement",
            "experiment": "is-it-working",
            "run": f"seeds-{steel.source}",
            "commit": recording.commit(),
            "device": device.describe(),
            "data": {"caption": steel.caption, "source": steel.source},
            "healthy": seeds(images, chosen("", args.source), HEALTHY),
            "sick": seeds(images, chosen("sick", args.source), SICK),
            "elsewhere": elsewhere() if steel.source == "real" else [],
        }
        recording.save(args.out / content["run"], content)


if __name__ == "__main__":
    main()
