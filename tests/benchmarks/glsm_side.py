"""
The other side of the section `rules`: glsm with 8 features of 5 options, under an interpreter that has it.

Reads how many leads to score, a number a line, and answers each with the CPU seconds it took.
"""

import sys
import time

import pandas as pd  # type: ignore[import-untyped]  # it is in the other interpreter
from glsm.non_predictive.features import Feature  # type: ignore[import-not-found]
from glsm.non_predictive.model import NonPredictive  # type: ignore[import-not-found]

FEATURES = 8
OPTIONS = 5


def main() -> None:
    model = NonPredictive()
    model.add_features(
        [
            Feature(
                name=f"feature {number}",
                weight=0.3,
                options_df=pd.DataFrame(
                    [
                        {"label": f"option {place}", "is_ICP": place == 2, "points": place * 20.0}
                        for place in range(OPTIONS)
                    ]
                ),
            )
            for number in range(FEATURES)
        ]
    )
    leads = [
        {f"feature {number}": f"option {(lead + number) % OPTIONS}" for number in range(FEATURES)}
        for lead in range(OPTIONS)
    ]
    for line in sys.stdin:
        wanted = int(line)
        start = time.process_time()
        for number in range(wanted):
            model.compute_lambda(leads[number % OPTIONS])
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
