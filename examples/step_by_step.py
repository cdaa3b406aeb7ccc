"""A frame step by step: who fires, how much of it is silent, and what the receivers' states are then."""

from pathlib import Path

import numpy as np

import snc

MODELS = Path(__file__).parents[1] / "models"


def main() -> None:
    """Runs one digit with the chip's rounding, and looks at every population that fires."""
    image = snc.compile(MODELS / "digits.onnx")
    names = {(f.core, f.population): each.name for each in image.image.about.layers for f in each.fragments}
    session = image.session(arithmetic="chip")
    with np.load(MODELS / "digits_test.npz") as held_out:
        (frame,) = image.frames(held_out["image"][0])

    def show(fire: snc.Fire) -> None:
        silent = 1 - np.count_nonzero(fire.values) / fire.values.size
        work = f"{fire.events} events, {fire.synaptic_operations} synaptic operations"
        print(f"step {fire.step:2}  {names[fire.core, fire.population]:7} {silent:4.0%} silent, {work}")

    result = session.run(frame, on_fire=show)
    core, population = next(key for key, name in names.items() if name == "logits")
    (state,) = session.states(core, population)
    print("states of the logits:", np.array2string(state.ravel(), precision=3, suppress_small=True))
    print("answer:", int(result.outputs["logits"].argmax()))


if __name__ == "__main__":
    main()
