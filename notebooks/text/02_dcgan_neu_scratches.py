# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,jupyter,-all
#     formats: notebooks///ipynb,notebooks/text///py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# [![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/gancourse/blob/main/notebooks/02_dcgan_neu_scratches.ipynb)
#
# # 02 · A DCGAN on steel scratches
#
# After this chapter you can
#
# - say for any convolution how large its output is, and choose the padding;
# - build the two networks of a DCGAN block by block, at any size;
# - write the training step from memory, and name the three places where
#   people get it wrong;
# - tell augmentation that helps from augmentation that G learns to draw;
# - read the curves of a run, and say what its numbers do *not* show.
#
# **Data:** the 300 scratch images of the NEU surface defect database, or
# seeded stand-ins where the images are not at hand; every figure says which.
# **Time:** about 90 s on two CPU cores (`quick`). The published settings
# (`full`) are for a GPU; section 6 then says how long they take on yours. The
# experiment follows Melchior's "Data Augmentation with GANs for Defect
# Detection".

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # "real" never falls back to stand-ins, "stand-in" always does
EPOCHS = None  # None: what the profile says
AUGMENT = "steel"  # a policy of section 4: none, basic, deluxe, steel

# %% tags=["nbval-ignore-output"]
# In Colab: fetch the course and install its package; torch stays as it is.
import importlib.util
import os
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("gancourse") is None:
    import subprocess

    source = os.environ.get("GANCOURSE_SOURCE", "https://github.com/OWNER/gancourse")
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, "gancourse_repo"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "-e", "gancourse_repo"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, os.path.abspath("gancourse_repo"))

import copy
import math
import tempfile

import torch
from IPython.display import display
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import augment, device, experiments, losses, plots, profiles, records, widgets
from gancourse.evaluation import distances, features
from gancourse.exercises import check
from gancourse.models import dcgan
from gancourse.runner import report
from gancourse.training import checkpoint
from gancourse.training.callbacks import ProgressBar
from gancourse.training.dcgan import DCGANStep, sample_z
from gancourse.training.loop import Batches, fit

profile = profiles.resolve(PROFILE)
overrides = {"seed": SEED, "augment": AUGMENT}
overrides |= {"epochs": EPOCHS} if EPOCHS else {}
settings = profiles.settings("neu-scratches", profile, **overrides)
device.seed_everything(SEED)
print(f"profile {profile}, {device.describe()}")

# %% [markdown]
# ## 1 · The images
#
# These are pictures of hot-rolled steel strip. Most scratches are bright lines,
# nearly upright or nearly level; the brightness of the background differs from
# picture to picture. A generator has to learn all three: the scratch, the
# texture and the brightness.
#
# Before anything else we put a quarter of the images aside. A hash of the file
# name decides, so the split survives every re-download. The *held-out* images
# train nothing and choose nothing: without them nobody could tell in chapter
# 04 whether G draws scratches or remembers them.

# %% tags=["nbval-ignore-output"]
train_set = experiments.load_data(settings, DATA, "train")
held_out = experiments.load_data(settings, DATA, "test")
figure = plots.grid(train_set.images[:24], 12, "training images", train_set.caption)
plots.show(figure, "24 grey images of steel, most with one or more bright vertical scratches.")
print(f"{len(train_set)} for training, {len(held_out)} held out; grey levels 0…255")

# %% [markdown]
# The last layer of G is a tanh, so G can only paint values in $(-1, 1)$. The
# images must live in the same interval: $x = p / 127.5 - 1$ for a grey level
# $p$. The files store grey as three equal channels. The published networks
# keep the three, and so does `full`; the smaller profiles and the recorded CPU
# runs take one, so that a narrow G need not learn that the three are equal.

# %%
x = train_set.floats()
assert -1 <= x.min() and x.max() <= 1
levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
there_and_back = ((levels / 127.5 - 1 + 1) * 127.5).round().to(torch.uint8)
print(
    "grey levels that survive the way to [-1, 1] and back:", int((there_and_back == levels).sum())
)

# %% [markdown]
# ## 2 · How large is the output?
#
# A convolution slides a window of $F$ pixels over a row of $W$ pixels that has
# $P$ zeros added on either side, and moves by $S$ each time. The last position
# that fits gives
#
# $$W_\text{out} = \left\lfloor \frac{W + 2P - F}{S} \right\rfloor + 1 .$$
#
# A *transposed* convolution turns the same picture around, input and output
# exchanged:
#
# $$W_\text{out} = (W - 1)\,S - 2P + F .$$
#
# Both networks use $F = 4$, $S = 2$, $P = 1$: a convolution then halves every
# even $W$, a transposed one doubles every $W$. With $F$ divisible by $S$ each
# generated pixel is also touched equally often. Otherwise the network would
# start with a checkerboard in its images (Odena et al. 2016); it can still
# learn one. In the code $W$, $F$, $S$, $P$ are `width`, `kernel`, `stride`,
# `padding`.


# %%
def conv_size(width, kernel, stride, padding):
    """Outputs of a convolution along one axis."""
    return (width + 2 * padding - kernel) // stride + 1


def transposed_size(width, kernel, stride, padding):
    """Outputs of a transposed convolution along one axis."""
    return (width - 1) * stride - 2 * padding + kernel


shrinking, growing = [128], [1]
while shrinking[-1] > 4:
    shrinking.append(conv_size(shrinking[-1], 4, 2, 1))
shrinking.append(conv_size(4, 4, 1, 0))
growing.append(transposed_size(1, 4, 1, 0))
while growing[-1] < 128:
    growing.append(transposed_size(growing[-1], 4, 2, 1))
print("D:", " → ".join(map(str, shrinking)))
print("G:", " → ".join(map(str, growing)))

for width in (7, 8, 32):  # PyTorch agrees
    row = torch.zeros(1, 1, width)
    assert nn.Conv1d(1, 1, 4, 2, 1)(row).shape[-1] == conv_size(width, 4, 2, 1)
    assert nn.ConvTranspose1d(1, 1, 4, 2, 1)(row).shape[-1] == transposed_size(width, 4, 2, 1)

# %% [markdown]
# Move the sliders: the lower row is the input with its padding (open circles),
# the upper row the output. The lines show what each output sees; the first
# output's window is drawn in orange.


# %% tags=["nbval-ignore-output"]
def draw_windows(width=8, kernel=4, stride=2, padding=1):
    """Which inputs each output of a convolution sees."""
    figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
    count = conv_size(width, kernel, stride, padding) if width + 2 * padding >= kernel else 0
    for position in range(-padding, width + padding):
        real = 0 <= position < width
        fill = plots.BLUE if real else "white"
        style = {"markersize": 11, "markerfacecolor": fill, "zorder": 3}  # above the lines
        axis.plot(position, 0, "o", color=plots.BLUE, **style)
    for output in range(max(count, 0)):
        left = output * stride - padding
        color = plots.ORANGE if output == 0 else plots.GREY
        for position in range(left, left + kernel):
            axis.plot([left + (kernel - 1) / 2, position], [1, 0], color=color, linewidth=1)
        axis.plot(left + (kernel - 1) / 2, 1, "s", markersize=11, color=color)
    axis.set_title(f"W = {width}, F = {kernel}, S = {stride}, P = {padding}: {count} outputs")
    axis.set(yticks=[0, 1], yticklabels=["input", "output"], xticks=[], ylim=(-0.4, 1.4))
    axis.spines[:].set_visible(False)
    return figure


widgets.panel(
    draw_windows,
    width=widgets.number(4, 16, 8, "W"),
    kernel=widgets.number(1, 7, 4, "F"),
    stride=widgets.number(1, 4, 2, "S"),
    padding=widgets.number(0, 4, 1, "P"),
)

# %% tags=["nbval-ignore-output"]
plots.show(
    draw_windows(),
    "Eight inputs and two padding zeros below; four outputs above, each "
    "joined to the four inputs that it sees, two apart from its neighbour's.",
)

# %% [markdown]
# ## 3 · Two networks
#
# **The discriminator** D halves the image until 4×4 is left and doubles the
# channels each time: what was a place becomes a feature. Each block is a
# convolution, batch norm and a leaky ReLU. Two details matter.
#
# - The first block has no norm: batch norm sets the mean of a batch to a fixed
#   value, and so hides how bright its images are. With norms in every layer
#   Radford et al. (2016) saw their runs oscillate.
# - The weights of each block, read as a matrix $A$ with one row for each output
#   channel, are divided by the largest singular value $\sigma(A)$ (*spectral
#   norm*, Miyato et al. 2018). So $A$ makes no vector longer, which keeps D's
#   slope in check. It is a brake, not a bound: the windows of a convolution
#   overlap, and a batch norm after it may amplify again. $\sigma$ comes from
#   one step of power iteration for each forward pass.
#
# The last convolution turns 4×4 into one number, the *logit* $\ell$. Then
# $D(x) = \mathrm{sigmoid}(\ell)$ is the probability that $x$ is real. The
# published network ends in that sigmoid. Ours returns $\ell$ and leaves the
# sigmoid to the loss: the same function, without $\log 0$.


# %%
def d_block(inputs, outputs, norm=True):
    """Half the size: conv 4×4, stride 2, spectral norm; batch norm; LeakyReLU."""
    conv = spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False))
    middle = [nn.BatchNorm2d(outputs)] if norm else []
    return nn.Sequential(conv, *middle, nn.LeakyReLU(0.2, inplace=True))


W_D = 128  # the published width: channels after the first block
disc = nn.Sequential(
    d_block(3, W_D, norm=False),
    d_block(W_D, 2 * W_D),
    d_block(2 * W_D, 4 * W_D),
    d_block(4 * W_D, 8 * W_D),
    d_block(8 * W_D, 16 * W_D),
    nn.Conv2d(16 * W_D, 1, 4, stride=1, padding=0, bias=False),
)
image = torch.zeros(2, 3, 128, 128)
for block in disc:
    image = block(image)
    print(tuple(image.shape))
print(f"D: {dcgan.parameters(disc):,} parameters")

# %% [markdown]
# **The generator** G runs the other way. It starts from 100 numbers $z$, drawn
# from a normal distribution, takes them for a 1×1 image with 100 channels,
# makes 4×4 of it, and doubles five times: transposed convolution, batch norm,
# ReLU. The tanh at the end keeps the pixels in $(-1, 1)$.


# %%
def g_block(inputs, outputs, stride=2, padding=1):
    """Twice the size: transposed conv 4×4, batch norm, ReLU."""
    conv = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


W_G = 64  # half of D's: channels before the last block
gen = nn.Sequential(
    g_block(100, 16 * W_G, stride=1, padding=0),  # 1×1 → 4×4
    g_block(16 * W_G, 8 * W_G),
    g_block(8 * W_G, 4 * W_G),
    g_block(4 * W_G, 2 * W_G),
    g_block(2 * W_G, W_G),
    nn.Sequential(nn.ConvTranspose2d(W_G, 3, 4, 2, 1, bias=False), nn.Tanh()),
)
image = torch.randn(2, 100, 1, 1)
for block in gen:
    image = block(image)
    print(tuple(image.shape))
print(f"G: {dcgan.parameters(gen):,} parameters")

# %% [markdown]
# The package builds the same two networks at any power-of-two size and any
# width (`gancourse.models.dcgan`). To be sure that it is the same, we load our
# weights into the package's networks and compare the outputs.

# %%
package_gen, package_disc = dcgan.build(profiles.DCGANSettings())
package_gen.load_state_dict({f"stages.{k}": v for k, v in gen.state_dict().items()})
package_disc.load_state_dict({f"stages.{k}": v for k, v in disc.state_dict().items()})
with torch.no_grad():
    for net in (gen, disc, package_gen, package_disc):
        net.eval()
    z = torch.randn(2, 100)
    ours, theirs = gen(z.reshape(2, 100, 1, 1)), package_gen(z)
    assert torch.equal(ours, theirs)
    assert torch.allclose(disc(ours).flatten(), package_disc(theirs), atol=1e-6)
del package_gen, package_disc, gen, disc
print("claim holds: 2 of 2 networks equal the package's")

# %% [markdown]
# Power iteration finds $\sigma(A)$ without a decomposition: multiply a vector
# by $A A^\top$ again and again, and it turns towards the direction that $A$
# stretches most. Here in two halves, $v = A^\top u$ and $u = A v$, each scaled
# to length 1; the estimate is $u^\top A v$, and it comes from below. One
# iteration a step is enough in training, because $A$ moves little from step to
# step and $u$ is kept.

# %%
generator = torch.Generator().manual_seed(0)
weight = torch.randn(64, 32 * 4 * 4, generator=generator)
u = F.normalize(torch.randn(64, generator=generator), dim=0)
true_sigma = torch.linalg.matrix_norm(weight, 2)
for iteration in range(1, 31):
    v = F.normalize(weight.T @ u, dim=0)
    u = F.normalize(weight @ v, dim=0)
    if iteration in (1, 3, 10, 30):
        share = (u @ weight @ v) / true_sigma
        print(f"{iteration:2d} iterations: {share:.1%} of the largest singular value")

layer = spectral_norm(nn.Conv2d(32, 64, 4, bias=False))
largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
print(f"a layer under PyTorch's spectral_norm has largest singular value {largest:.1f}")

# %% [markdown]
# ## 4 · Augmentation: which, and where
#
# 226 images are few. D could learn them by heart, and then its judgement says
# nothing about scratches. Augmentation gives D more to see, in two ways that
# must not be confused.
#
# *Classical*: change the reals. Whatever the change does, G will learn to draw
# it too, because to D it is part of the data. So a classical policy must stay
# inside the distribution. Steel has no up or down, so both flips are safe; a
# cat upside down is not. A rotation by ten degrees turns an upright scratch
# into a slanted one, which is rarer: a change of the distribution.
#
# *DiffAugment* (Zhao et al. 2020): change what D sees, reals and fakes alike,
# by functions that gradients can pass. Then even a strong change, such as
# cutting out up to a quarter of the image, does not leak into the samples.
#
# In the figure the first four rows are classical: `none`; `basic`, mirrored,
# enlarged by a tenth and cut back; `deluxe`, also rotated by up to 10° and
# stretched; `steel`, `basic` with both mirrorings. The last three are the parts
# of DiffAugment.

# %% tags=["nbval-ignore-output"]
same = train_set.floats([13]).expand(10, -1, -1, -1)
device.seed_everything(SEED)
shown = {policy: augment.classical(same, policy) for policy in augment.POLICIES}
shown |= {name: augment.diffaugment(same, name) for name in augment.DIFFAUGMENT}
figure = plots.rows(shown, 10, "one image under every policy", train_set.caption)
plots.show(
    figure,
    "Seven rows of the same scratch: unchanged, flipped and cropped, also rotated "
    "and stretched, flipped both ways; then recoloured, shifted, and with a square cut out.",
)

# %% [markdown]
# DiffAugment must act in three places: on D's reals, on D's fakes *and* on the
# fakes in G's step. A gradient must come through it.

# %%
probe = torch.zeros(4, 3, 16, 16, requires_grad=True)
augment.diffaugment(probe, "color,translation,cutout").sum().backward()
print(
    "images that get a gradient through DiffAugment:",
    int((probe.grad.abs().amax((1, 2, 3)) > 0).sum()),
    "of 4",
)

# %% [markdown]
# ## 5 · The game, one step of it
#
# D and G play for the value
#
# $$V(D, G) = \mathbb{E}_{x}[\log D(x)] + \mathbb{E}_{z}[\log(1 - D(G(z)))] ,$$
#
# with means over the real images $x$ and the noise $z$. D climbs it. G should
# descend it, but while D wins, $D(G(z)) \approx 0$ and $\log(1 - D(G(z)))$ is
# flat: no gradient when G needs it most. So G minimises $-\log D(G(z))$
# instead, which is steep there (Goodfellow et al. 2014, section 3). Chapter 01
# draws both curves.
#
# With logits, $D = \mathrm{sigmoid}(\ell)$, everything is a softplus:
# $-\log D = \mathrm{softplus}(-\ell)$ and
# $-\log(1-D) = \mathrm{softplus}(\ell)$.
#
# One step, as published: D on reals, D on fakes, D's update; then G on the
# *same* fakes. Three details are easily lost.
#
# 1. `fake.detach()` in D's half: D's gradient must not run on into G.
# 2. In G's half D is frozen. Its weight gradients would be computed for
#    nothing: of D's three equal shares of arithmetic (forward, gradient of the
#    inputs, gradient of the weights) the third falls away.
# 3. Both halves of D's loss are summed *before* one update.


# %%
def train_step(gen, disc, opt_gen, opt_disc, real):
    """One update of D, one of G; returns the three losses."""
    fake = gen(torch.randn(len(real), 100))

    logit_real, logit_fake = disc(real), disc(fake.detach())
    disc_real, disc_fake = F.softplus(-logit_real).mean(), F.softplus(logit_fake).mean()
    opt_disc.zero_grad()
    (disc_real + disc_fake).backward()
    opt_disc.step()

    disc.requires_grad_(False)
    gen_loss = F.softplus(-disc(fake)).mean()
    opt_gen.zero_grad()
    gen_loss.backward()
    opt_gen.step()
    disc.requires_grad_(True)
    return {"disc_real": disc_real, "disc_fake": disc_fake, "gen": gen_loss}


# %% [markdown]
# The package's `DCGANStep` does the same and adds only what a real run needs:
# device and precision, DiffAugment, and a running average of G's weights. The
# *averaged* weights (exercise 5) never enter the training; they are a second,
# calmer generator to look at. We run both steps from the same start on the same
# images.

# %%
small = profiles.DCGANSettings(size=16, width_g=8, width_d=8, batch_size=8)
torch.manual_seed(1)
package_step = DCGANStep(small, device="cpu")
nets = copy.deepcopy((package_step.gen, package_step.disc))
adam = [
    torch.optim.Adam(n.parameters(), lr, (0.5, 0.999))
    for n, lr in zip(nets, (1e-4, 4e-4), strict=True)
]
batch = torch.rand(8, 3, 16, 16) * 2 - 1
torch.manual_seed(2)
ours = train_step(*nets, *adam, batch)
torch.manual_seed(2)
theirs = package_step(batch)
difference = max(abs(ours[k].item() - theirs[k].item()) for k in ours)
assert difference < 1e-5
print(f"claim holds: {len(ours)} of 3 losses equal the package's to 1e-5")

# %% [markdown]
# What value should the losses have? If G were perfect, D could only guess:
# $D = \tfrac12$ everywhere ($\ell = 0$), and each half of D's loss is $\log 2$.

# %%
guess = torch.zeros(4)
halves = losses.bce_discriminator(guess, guess)
print(
    f"D's loss when it can only guess: {halves[0]:.4f} + {halves[1]:.4f} = log 4 = {math.log(4):.4f}"
)

# %% [markdown]
# ## 6 · Training
#
# The slider proposes a number of epochs; run the two cells below it again
# after moving it. Everything else comes from the profile, each constant with
# its reason in `gancourse/profiles.py`. At `full` a line tells after the first
# steps how long the run takes, and it is saved every five minutes below
# `runs/chapter-02`: interrupt it, and the cell goes on there when you run it
# again.

# %% tags=["nbval-ignore-output"]
epochs_slider = widgets.number(1, 4 * settings.epochs, settings.epochs, "epochs")
display(epochs_slider)

# %% tags=["nbval-ignore-output"]
device.seed_everything(SEED)
step = DCGANStep(settings)
batches = experiments.batches_of(train_set.to(step.device), settings)
z_fixed = sample_z(16, settings, step.device, torch.Generator().manual_seed(7))
live = widgets.LiveFigure(z_fixed, f"DCGAN, augment={settings.augment}", train_set.caption)
history, savers = checkpoint.resumable(
    f"runs/chapter-02/{settings.augment}", step, batches, profile
)
temporary = tempfile.TemporaryDirectory(prefix="gancourse-")  # gone when the kernel is
savers = savers or [checkpoint.Checkpoints(temporary.name, minutes=0.5)]
history = fit(step, batches, epochs_slider.value, [ProgressBar(), live, *savers], history)

# %% [markdown]
# How to read it. *Left:* the two halves of D's loss (`disc_real`, `disc_fake`)
# and G's (`gen`). G's lies above D's as long as D wins. *Middle:* the mean of
# $D(x)$ on reals (`p_real`) and of $D(G(z))$ on fakes (`p_fake`); they would
# meet at ½ if D could only guess. They rarely do in a short run, and that is
# not a fault: what matters is that neither sticks to 0 or 1. *Right:* the same
# 16 latent points at every drawing, through the averaged weights.
#
# To interrupt, press the stop button: the step is finished, then everything is
# saved. *Everything* means networks, both optimisers, the average, every random
# state and the position in the data. With less, the resumed run is another run
# (the moments of Adam alone see to that).

# %%
resumed = DCGANStep(settings)
resumed_batches = experiments.batches_of(train_set.to(resumed.device), settings)
resumed_history = checkpoint.load(checkpoint.latest(savers[0].folder), resumed, resumed_batches)
assert len(resumed_history) == len(history)
next_losses = []
for network_step, data in ((step, batches), (resumed, resumed_batches)):
    device.seed_everything(SEED)
    next_losses.append(network_step(next(iter(data)))["gen"].item())
# On a CPU equal to the last bit. A GPU adds up in another order each time, and in bf16 a last
# bit of D's gradients moves the loss by some 1e-4.
assert math.isclose(*next_losses, rel_tol=1e-3)
print(f"claim holds: {len(next_losses)} of 2 runs take the same next step")

# %% tags=["nbval-ignore-output", "thumbnail"]
comparison = {
    "real": held_out.images[:12],
    "fake": step.sample(sample_z(12, settings, step.device), ema=True),
}
figure = plots.rows(
    comparison, 12, f"held-out reals and fakes of this run ({profile})", held_out.caption
)
plots.show(figure, "Two rows of twelve images: real steel above, generated steel below.")

# %% [markdown]
# Do not expect scratches of a *quick* run: after 20 epochs of 18 steps at
# 32 px the fakes have something of the brightness of steel, as clouds and
# streaks. Section 7 shows what a longer run brings.
#
# Does the policy matter? The same run again without augmentation, then the
# kernel distance KID of both to the *held-out* images, with a 95 % interval in
# brackets. KID is the MMD² of chapter 00, computed on the $d$ features that an
# Inception network finds in the images, with the kernel
# $k(a, b) = (a \cdot b / d + 1)^3$; 0 means that no difference shows, an
# untrained G gives the other end. A single short run per setting shows the
# method, not the answer.

# %% tags=["nbval-ignore-output"]
device.seed_everything(SEED)
plain = DCGANStep(settings)
plain_batches = Batches(train_set.to(plain.device), settings.batch_size, seed=SEED)
before, savers = checkpoint.resumable("runs/chapter-02/none", plain, plain_batches, profile)
fit(plain, plain_batches, max(1, len(history) // len(batches)), savers, before)

extract = features.extractor("stand-in" if profile == "smoke" else "auto")
real_features = extract.cached(held_out.images)
z_many = sample_z(48, settings, step.device, torch.Generator().manual_seed(8))
kid = {}
for label, trained in {settings.augment: step, "none": plain}.items():
    fakes = trained.sample(z_many, ema=True)
    kid[label] = distances.kid(extract(fakes), real_features)
    print(
        f"augment={label:6s} KID×10³ = {kid[label].value * 1e3:.2f} "
        f"[{kid[label].low * 1e3:.2f}, {kid[label].high * 1e3:.2f}]  ({extract.name} features)"
    )
untrained = DCGANStep(settings).sample(z_many[:24])
kid["untrained"] = distances.kid(extract(untrained), real_features)
print(f"untrained G    KID×10³ = {kid['untrained'].value * 1e3:.2f}")

# %% tags=["nbval-ignore-output"]
def contrast(images):
    """Mean standard deviation of the grey levels within a picture."""
    return float(images.float().flatten(1).std(1).mean())


if profile != "smoke" and len(history) >= 300:
    target = contrast(held_out.images)
    trained = abs(contrast(step.sample(z_many, ema=True)) - target)
    assert trained < abs(contrast(untrained) - target) / 2, "G has not learnt the contrast"
    if extract.name != "stand-in":  # stand-in features rank plain grey too well to judge by
        assert kid[settings.augment].value < kid["untrained"].value / 2, "G has not learnt"
print("terms recorded at every step:", ", ".join(history.terms))

# %% [markdown]
# ## 7 · The recorded long run
#
# A laptop cannot train the published widths in a lecture: one step of 12
# images takes seconds on two CPU cores (`make bench` measures it). So the
# repository holds recorded runs of a smaller version of the experiment, on the
# real scratches: settings, curves, samples, numbers and the generator's
# weights. What you see from here on comes from those files, whatever profile
# you ran. The last line says what was published, for comparison. *none* is
# trained without augmentation, *steel* with flips and crops; the number of the
# seed follows.

# %%
runs = {
    name.split("/")[1]: records.load(name)
    for name in records.names()
    if name.startswith(("neu-scratches/none-", "neu-scratches/steel-"))
}
policies = {}  # policy → its runs, one a seed
for name, run in runs.items():
    policies.setdefault(name.rsplit("-seed", 1)[0], []).append(run)


def in_words(s, images):
    """Image, widths, epochs, batch and learning rates in one line."""
    return (
        f"{s['size']} px × {s['channels']}, widths {s['width_g']}/{s['width_d']}, "
        f"{s['epochs']} epochs of {images} images, batch {s['batch_size']}, "
        f"lr {s['lr_g']:g}/{s['lr_d']:g}"
    )


for name, run in runs.items():
    minutes = f"{run['device']}, {run.minutes:.0f} min"
    print(f"{name + ':':13s}{in_words(run['settings'], run['data']['train'])}; {minutes}")
print(f"{'published:':13s}{in_words(vars(profiles.DCGANSettings()), 300)}")

# %%
first = next(iter(runs.values()))
epochs = first.columns
print("epochs in the strip:", epochs, "| images", tuple(first.strip.shape))
title = f"{first['run']}, averaged weights: the same four latent points over time"
figure = plots.strip(first.strip[:4], epochs, title, first.caption)
plots.show(
    figure,
    "Four rows of generated steel at growing epochs: plain grey, a fine checkered noise, then "
    "smooth grey, on which bright upright scratches appear in some of the rows.",
)

# %% [markdown]
# The checkered noise of the first epochs comes from the transposed
# convolutions; here it is almost gone by epoch 32. Not every row ends with a
# scratch.
#
# Move through time yourself, in any of the runs:


# %% tags=["nbval-ignore-output"]
def draw_epoch(run, epoch):
    """The recorded samples of one epoch."""
    column = runs[run].columns.index(epoch)
    return plots.grid(runs[run].strip[:, column], 6, f"{run}, epoch {epoch}", runs[run].caption)


widgets.panel(
    draw_epoch,
    run=widgets.slider(list(runs), "run"),
    epoch=widgets.slider(epochs, "epoch", start=epochs[-1]),
)

# %% [markdown]
# The strips below show the last epoch of every run, so that the comparison is
# visible without the slider.
#
# Under them the losses, averaged over one epoch (thin) and over more (bold). If
# D could only guess, its two halves would add up to log 4, the dotted line. As
# long as they lie far below and G's loss high above, D wins; the numbers below
# the figure say by how much.

# %% tags=["nbval-ignore-output"]
last = {name: run.strip[:, -1] for name, run in runs.items()}
devices = ", ".join(sorted({run["device"] for run in runs.values()}))
of_all = f"{first['data']['caption']}; {len(runs)} recorded runs; {devices}"
figure = plots.rows(last, 6, "all recorded runs at the last epoch, averaged weights", of_all)
plots.show(figure, "One row of six generated images per recorded run, at its last epoch.")

# %% tags=["nbval-ignore-output"]
epoch = round(first.per_epoch)  # values of a curve
of_disc, of_gen = {}, {}
for name, run in runs.items():
    terms = {k: torch.tensor(v) for k, v in run.curves.items()}
    of_disc[name] = plots.smooth(terms["disc_real"] + terms["disc_fake"], epoch)
    of_gen[name] = plots.smooth(terms["gen"], epoch)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2), layout="constrained")
plots.curves(of_gen, first.per_epoch, "G's loss", axis=left)
guessing = {"log 4": math.log(4)}
plots.curves(of_disc, first.per_epoch, "D's loss, both halves", "", of_all, right, guessing)
right.get_legend().remove()  # the same lines as on the left
plots.show(
    figure,
    "Two panels with one curve per recorded run against the epoch: on the left G's loss, on the "
    "right D's, with a dotted line at log 4.",
)
for name, run in runs.items():
    start = run.steps * (1 - 10 / run["settings"]["epochs"])
    end = {term: run.mean(term, start) for term in run.curves}
    print(
        f"{name}, mean of the last 10 epochs: L_D {end['disc_real'] + end['disc_fake']:.2f}, "
        f"L_G {end['gen']:.2f}, D(x) {end['p_real']:.2f}, D(G(z)) {end['p_fake']:.2f}"
    )

# %% [markdown]
# ## 8 · Measuring it
#
# Losses say who is winning, not how good the pictures are. For that we compare
# Inception features of fakes with those of the held-out images: by KID, and by
# FID-768, the Fréchet distance between two normal distributions with the means
# $\mu_1, \mu_2$ and covariances $\Sigma_1, \Sigma_2$ of the features,
#
# $$\lVert \mu_1 - \mu_2 \rVert^2
#   + \mathrm{tr}\big(\Sigma_1 + \Sigma_2 - 2\,(\Sigma_1 \Sigma_2)^{1/2}\big) .$$
#
# It takes 768 features, the usual FID 2048. Both distances are the smaller the
# better. Real images give the scale. The post publishes no distance, so there
# is nothing published to stand beside; and section 6 measured images of another
# size, so its numbers do not compare with these.

# %%
def distances_of(run, kind):
    """Distances of a run's fakes to the held-out scratches."""
    found = run["best"]["last"] if kind == "best epoch" else run["final"][kind]
    return found["held_out"]


def table_row(label, row):
    """One line: the Fréchet distance, and KID×10³ with its 95 % interval."""
    kernel, low, high = row[first.kid]
    print(f"  {label:34s} {row[first.fid]:8.2f} {kernel:12.2f} [{low:.2f}, {high:.2f}]")


KINDS = ("last", "average", "best epoch")
print(f"{'real images against held-out':36s} {first.fid:>8s} {first.kid:>12s} [95 %]")
for label, row in first["baselines"].items():
    table_row(label.removesuffix(" against held-out"), row)
print("fakes against held-out")
for name, run in runs.items():
    for kind in KINDS:
        which = f"{kind} {run['best']['epoch']}" if kind == "best epoch" else f"{kind} weights"
        table_row(f"{name}, {which}", distances_of(run, kind))

over_seeds = {}
print(f"{first.kid}, mean over seeds [range]")
for policy, group in policies.items():
    for kind in KINDS:
        values = [distances_of(run, kind)[run.kid][0] for run in group]
        over_seeds[policy, kind] = values
        label, mean = f"{policy}, {kind}, {len(values)} seed(s)", sum(values) / len(values)
        print(f"  {label:34s} {'':8s} {mean:12.2f} [{min(values):.2f}, {max(values):.2f}]")

# %% [markdown]
# Three choices are in this table. The *best* epoch was chosen by the distance
# to the training images, so that the held-out ones chose nothing; and it
# stands beside the *last* one, which is what a training without a metric would
# have given you. (It was measured on 64 fakes, the others on 256.) The
# *averaged* weights are an extra that the published recipe does not have. And
# each setting has as many rows as seeds were run.
#
# How many seeds make a finding? If two policies with $n$ seeds each did not
# differ at all, the seeds of the one would still all lie on one side of the
# other's with probability $2 / \binom{2n}{n}$: always for $n = 1$, in one
# case of three for 2, of ten for 3. With so few a difference is an observation,
# not a finding.

# %%
for kind in KINDS:
    none, steel = (over_seeds[policy, kind] for policy in ("none", "steel"))
    change = sum(steel) / len(steel) - sum(none) / len(none)
    apart = max(none) < min(steel) or max(steel) < min(none)
    print(
        f"flips and crops changed the mean {first.kid} by {change:+.2f} ({kind}); the seeds "
        f"{'lie' if apart else 'do not lie'} apart ({len(none)} against {len(steel)})"
    )
by_chance = min(1, 2 / math.comb(len(none) + len(steel), len(none)))
print(f"as many seeds of one and the same policy lie apart with probability {by_chance:.2f}")
for name, run in runs.items():
    f = run["final"]["average"]
    print(f"{name}: precision {f['precision']:.2f}, recall {f['recall']:.2f} (average weights)")

# %% [markdown]
# A positive change speaks *against* flips and crops, a negative one for them.
# Where the sign differs between last, averaged and best weights, or the seeds
# do not lie apart, nothing is shown. Where they do not help, one guess is that
# the narrow generator has more to draw and no more channels to draw it with.
#
# *Precision* is the share of fakes within reach of the training images,
# *recall* the share of training images within reach of the fakes. An image
# reaches as far as its third nearest neighbour on its own side, in the same
# features (Kynkäänniemi et al. 2019). A recall near 0 says that the fakes cover
# hardly anything of what there is, however good the single fake may look.
#
# The next figure is for judging a gap between two policies: compare it with
# the jumps of one curve from one measurement to the next.

# %% tags=["nbval-ignore-output"]
series = {}
for policy, group in policies.items():
    at = [m["epoch"] for m in group[0]["metrics"]]
    for kind in ("last", "average"):
        kids = [[m[kind]["held_out"][run.kid][0] for m in run["metrics"]] for run in group]
        series[f"{policy}, {kind}"] = (at, kids)
levels = {k: v[first.kid][0] for k, v in first["baselines"].items()}
figure = plots.metric(
    series,
    levels,
    "KID to the held-out scratches: mean over the seeds, and their range",
    first.kid,
    f"{first['fakes']['during training']} fakes a point; {of_all}",
)
plots.show(
    figure,
    "KID against the epoch for both policies, with last and averaged weights, as the mean over "
    "the seeds with a band for their range, and two dotted levels for real images.",
)

# %% [markdown]
# **What this does not show.** KID sees texture and statistics; it does not
# know what a scratch is, nor whether a steel engineer would believe one. It
# does not see memorising either: a generator that replays its training images
# has a splendid KID. Chapter 04 asks that question.

# %% [markdown]
# ## 9 · Walking through latent space
#
# If G could only draw a list of pictures, the way from one $z$ to another would
# jump from one to the next. (A smooth way is no proof of the contrary: chapter
# 04 looks for copies.) The straight line leaves the region that G was trained
# on, though: a normal $z$ in 100 dimensions has length close to
# $\sqrt{100} = 10$, and the middle of a straight line between two of them is
# shorter, about $10/\sqrt2$. So one walks along the sphere,
#
# $$z(t) = \frac{\sin((1-t)\,\omega)}{\sin\omega}\,z_0 +
#          \frac{\sin(t\,\omega)}{\sin\omega}\,z_1, \qquad
#   \cos\omega = \frac{z_0 \cdot z_1}{|z_0|\,|z_1|} .$$
#
# In the figure below compare the first row with the second: how much does it
# matter to this G?


# %%
def slerp(z0, z1, t):
    """From z0 (t = 0) to z1 (t = 1) along the sphere."""
    omega = torch.arccos((z0 @ z1) / (z0.norm() * z1.norm()))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


many = torch.randn(10_000, 100, generator=torch.Generator().manual_seed(0))
middle = (many[:5000] + many[5000:]) / 2
halfway = torch.stack([slerp(a, b, 0.5) for a, b in zip(many[:500], many[5000:5500], strict=True)])
print(
    f"mean length of z: {many.norm(dim=1).mean():.1f}, halfway on the line: "
    f"{middle.norm(dim=1).mean():.1f}, halfway on the sphere: {halfway.norm(dim=1).mean():.1f}"
)

# %% tags=["nbval-ignore-output"]
recorded = first.generator()


def walk(start, end, steps=9, sphere=True):
    """Latent points from seed ``start`` to seed ``end``."""
    z0, z1 = (torch.randn(100, generator=torch.Generator().manual_seed(s)) for s in (start, end))
    ts = torch.linspace(0, 1, steps)
    return torch.stack([slerp(z0, z1, t) if sphere else (1 - t) * z0 + t * z1 for t in ts])


def draw_walk(start, end, t):
    """The picture at t on the way from one seed to another."""
    z = walk(start, end, 101)[round(t * 100)][None]
    with torch.no_grad():
        picture = recorded(z)
    return plots.grid(picture, 1, f"from {start} to {end}, t = {t:.2f}")


widgets.panel(
    draw_walk,
    start=widgets.number(0, 50, 0, "z₀ seed"),
    end=widgets.number(0, 50, 1, "z₁ seed"),
    t=widgets.number(0.0, 1.0, 0.5, "t", step=0.05),
)

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    ways = {
        "sphere, 0 → 1": recorded(walk(0, 1)),
        "line, 0 → 1": recorded(walk(0, 1, sphere=False)),
        "sphere, 2 → 3": recorded(walk(2, 3)),
    }
title = f"{first['run']}, averaged weights: from z₀ to z₁ in nine steps"
figure = plots.rows(ways, 9, title, first.caption)
plots.show(figure, "Three rows of nine generated images that change gradually from left to right.")

# %% [markdown]
# ## 10 · Exercises
#
# Replace the `...` and run the cell; it prints your value and the true one.
#
# **1. Padding.** Which padding lets a convolution with $F = 5$, $S = 1$ keep
# the size of its input?

# %% tags=["exercise"]
padding = ...  # your answer
expected = next(p for p in range(9) if conv_size(64, 5, 1, p) == 64)
check("padding that keeps the size with F = 5, S = 1", padding, expected)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# padding = (5 - 1) // 2
# ```
#
# $W + 2P - F + 1 = W$ gives $P = (F - 1)/2$.
# </details>

# %% [markdown]
# **2. Find the bug.** A study of a DCGAN on cats (chapter 03) gives the rule
# $P = ((S - 1)\,W - S + F)/2$ for *halving* an image of $W = 8$ with $F = 4$,
# $S = 2$, and concludes $P = 1$. Evaluate the rule. Then say what size the
# output has with that padding, to see what the rule is really for.

# %% tags=["exercise"]
rule = ...  # the P that the rule gives
size = ...  # the output's size with that P
expected = ((2 - 1) * 8 - 2 + 4) // 2
check("the rule gives P", rule, expected)
check("and the output has size", size, conv_size(8, 4, 2, expected))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# rule = ((2 - 1) * 8 - 2 + 4) // 2
# size = conv_size(8, 4, 2, rule)
# ```
#
# The rule gives 5, not 1, and with 5 zeros on either side the output is again
# 8 wide: it is the rule for *keeping* the size. Halving needs
# $P = (F - S)/2 = 1$. The value in the study was right, its derivation not.
# </details>

# %% [markdown]
# **3. Parameters.** How many weights does the first block of G have, from
# $z$ to 4×4 with 1024 channels, batch norm included?

# %% tags=["exercise"]
count = ...  # your answer
check("weights of G's first block", count, dcgan.parameters(g_block(100, 1024, 1, 0)))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# count = 100 * 1024 * 4 * 4 + 2 * 1024
# ```
#
# One 4×4 kernel for each pair of channels, no bias; batch norm adds a scale
# and a shift for each channel.
# </details>

# %% [markdown]
# **4. Find the bug.** Somebody's images have mean 0.37 and standard deviation
# 0.18 (of values in $[0, 1]$). They normalise with these, as classifiers do,
# and train a G that ends in tanh. From which grey level (0…255) on can G not
# paint a pixel any more?

# %% tags=["exercise"]
level = ...  # the first grey level that is out of reach
expected = next(p for p in range(256) if (p / 255 - 0.37) / 0.18 > 1)
check("first grey level out of reach", level, expected)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# level = math.floor((0.37 + 0.18) * 255) + 1
# ```
#
# $(p/255 - 0.37)/0.18 > 1$ from $p = 141$ on: no scratch can be bright. D sees
# at once that no fake has a bright pixel, and wins for ever. Levels below 49
# are lost as well.
# </details>

# %% [markdown]
# **5. The average, right way round.** After each step the average of the
# weights becomes $\bar w \leftarrow \beta \bar w + (1 - \beta) w$. With
# $\beta = 0.999$, after how many steps has a start value lost half of its
# weight? (With the two factors exchanged, after one.)

# %% tags=["exercise"]
half_life = ...  # a whole number of steps
expected = next(n for n in range(1, 10_000) if 0.999**n <= 0.5)
check("steps until half of the start is forgotten", half_life, expected)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# half_life = math.ceil(math.log(0.5) / math.log(0.999))
# ```
#
# $0.999^n = \tfrac12$ at $n \approx 693$.
# </details>

# %% [markdown]
# ## Summary
#
# - $F = 4$, $S = 2$, $P = 1$ halves in D and doubles in G.
# - One step: D on reals and on *detached* fakes, update; D frozen, G on the
#   same fakes, update. G minimises $-\log D(G(z))$.
# - Pixels live where tanh lives, in $[-1, 1]$.
# - A classical policy becomes part of what G draws; DiffAugment does not, if
#   it acts in all three places.
# - A run is judged on held-out images, with real images for the scale, by its
#   last epoch beside its best; a setting is judged by several seeds.
#
# **References.** L. Melchior, *Data Augmentation with GANs for Defect
# Detection* (blog) · I. Goodfellow et al., *Generative Adversarial Nets*, 2014
# · A. Radford et al., *Unsupervised Representation Learning with DCGANs*, 2016
# · T. Miyato et al., *Spectral Normalization for GANs*, 2018 · S. Zhao et al.,
# *Differentiable Augmentation for Data-Efficient GAN Training*, 2020 · M.
# Bińkowski et al., *Demystifying MMD GANs*, 2018 (KID) · M. Heusel et al.,
# *GANs Trained by a Two Time-Scale Update Rule*, 2017 (FID) · T. Kynkäänniemi
# et al., *Improved Precision and Recall Metric for Assessing Generative
# Models*, 2019 · A. Odena et al., *Deconvolution and Checkerboard Artifacts*,
# 2016 · K. Song and Y. Yan, *A noise robust method based on completed local
# binary patterns for hot-rolled steel strip surface defects*, 2013 (the data).
#
# **Next:** [03 · Cats and augmentation](03_dcgan_cats_augmentation.ipynb)

# %% tags=["nbval-ignore-output"]
report(
    data=train_set,
    steps=len(history),
    **{f"KID×10³_of_this_run_({extract.name})": kid[settings.augment].value * 1e3},
    **{
        f"recorded_{run.kid}_({name})": run["final"]["average"]["held_out"][run.kid][0]
        for name, run in runs.items()
    },
)
