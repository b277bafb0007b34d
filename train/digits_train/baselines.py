"""Classical readers of glyphs, from before features were learned, to compare the networks with.

HOG (Dalal & Triggs 2005) and SIFT (Lowe 2004) describe the glyph; support vectors (Cortes & Vapnik
1995), forests (Breiman 2001) and a single tree name it. All from scikit-image, OpenCV and
scikit-learn, at the settings usual for glyphs of 28 pixels.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import normalize
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

Images = NDArray[np.uint8]
_WORDS = 256
# Where SIFT describes a glyph, so much enlarged: on a grid, for so small a picture has no
# keypoints to find.
_ENLARGED, _STEP, _SCALE = 2, 4, 8


class _Estimator(Protocol):
    def fit(self, features: NDArray[Any], labels: NDArray[np.int64]) -> object: ...
    def predict(self, features: NDArray[Any]) -> NDArray[np.int64]: ...


@dataclass
class Baseline:
    """Features and what names them.

    Attributes:
        name: What reports call it.
        features: uint8 `[n, 1, size, size]` to `[n, d]`.
        estimator: Of scikit-learn.
        numbers: How many numbers a fitted estimator keeps.
    """

    name: str
    features: Callable[[Images], NDArray[Any]]
    estimator: _Estimator
    numbers: Callable[[Any], int]

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None:
        """Learn from glyphs: uint8 `[n, 1, size, size]` and class indexes `[n]`."""
        self.estimator.fit(self.features(images), labels)

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Class indexes `[n]` for uint8 `[n, 1, size, size]`."""
        return self.estimator.predict(self.features(images))

    def parameters(self) -> int:
        """How many numbers were learnt."""
        return self.numbers(self.estimator)

    def size(self) -> int:
        """Bytes of the fitted estimator, written out."""
        return len(pickle.dumps(self.estimator))


def all_of(seed: int) -> list[Baseline]:
    """The four to compare with, unfitted."""
    return [
        Baseline("HOG + SVM", _hog, SVC(C=10, gamma="scale"), _of_svm),
        Baseline(
            "HOG + random forest",
            _hog,
            RandomForestClassifier(200, random_state=seed, n_jobs=1),
            lambda forest: sum(_of_tree(tree) for tree in forest.estimators_),
        ),
        Baseline("decision tree", _pixels, DecisionTreeClassifier(random_state=seed), _of_tree),
        Baseline("SIFT bag of words + SVM", *_bag_of_words(seed)),
    ]


def _of_svm(svm: Any) -> int:
    return int(svm.support_vectors_.size + svm.dual_coef_.size)


def _of_tree(tree: Any) -> int:
    # A feature, a threshold and two children for each node, and a class for each leaf.
    return int(4 * tree.tree_.node_count)


def _pixels(images: Images) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)


def _hog(images: Images) -> NDArray[np.float32]:
    return np.stack(
        [hog(image[0], 9, (4, 4), (2, 2), feature_vector=True) for image in images]
    ).astype(np.float32)


def _bag_of_words(
    seed: int,
) -> tuple[Callable[[Images], NDArray[np.float32]], Any, Callable[[Any], int]]:
    """Quantise SIFT descriptors to words and count those of each quarter (Csurka et al. 2004)."""
    words = MiniBatchKMeans(_WORDS, random_state=seed, n_init=1)
    sift = cv2.SIFT.create()
    fitted = False

    def describe(images: Images) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        side = _ENLARGED * images.shape[-1]
        places = [
            cv2.KeyPoint(float(x), float(y), float(_SCALE))
            for y in range(_STEP, side, _STEP)
            for x in range(_STEP, side, _STEP)
        ]
        quarter = np.array(
            [2 * (place.pt[1] >= side / 2) + (place.pt[0] >= side / 2) for place in places]
        ).astype(np.intp)
        large = (cv2.resize(i[0], (side, side), interpolation=cv2.INTER_CUBIC) for i in images)
        return np.stack([sift.compute(glyph, places)[1] for glyph in large]), quarter

    def features(images: Images) -> NDArray[np.float32]:
        nonlocal fitted
        descriptors, quarter = describe(images)
        flat = descriptors.reshape(-1, descriptors.shape[-1])
        if not fitted:
            # The first glyphs seen are those to learn from.
            words.fit(flat[:: max(1, len(flat) // 100_000)])
            fitted = True
        found = words.predict(flat).reshape(len(images), -1) + _WORDS * quarter[None, :]
        counts = np.zeros((len(images), 4 * _WORDS), np.float32)
        np.add.at(counts, (np.arange(len(images))[:, None], found), 1)
        # Square roots keep a frequent word, such as empty paper, from drowning the rest.
        return np.asarray(normalize(np.sqrt(counts)), np.float32)

    def numbers(svm: Any) -> int:
        return _of_svm(svm) + int(words.cluster_centers_.size)

    return features, SVC(C=10, gamma="scale"), numbers
