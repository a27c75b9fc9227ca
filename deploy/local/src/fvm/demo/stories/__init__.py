"""The histories by name: what becomes of a person with this story, written into their chart."""

from collections.abc import Callable, Mapping

from fvm.demo.chart import Chart
from fvm.demo.stories import cancer, children, families, heart, hospital, infections, long_term, lungs, mind, special

STORIES: Mapping[str, Callable[[Chart], None]] = {
    story.__name__: story
    for story in (
        cancer.breast_cancer,
        cancer.colon_cancer,
        cancer.prostate_cancer,
        children.asthma_child,
        children.healthy_child,
        families.mother,
        families.mother_of_twins,
        families.newborn,
        families.pregnancy,
        families.twin,
        lungs.asthma_adult,
        heart.atrial_fibrillation,
        lungs.copd,
        heart.heart_failure,
        hospital.dementia,
        hospital.hip_fracture,
        infections.infection,
        hospital.stroke,
        long_term.arthrosis,
        long_term.diabetes1,
        long_term.diabetes2,
        long_term.hypertension,
        long_term.migraine,
        long_term.thyroid,
        mind.depression,
        mind.exhaustion,
        special.coordination,
        special.healthy_adult,
        special.old_and_well,
        special.palliative,
        special.protected,
        special.reserve,
        special.unidentified,
        special.visitor,
    )
}
