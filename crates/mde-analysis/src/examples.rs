//! A few images with ground truth and prediction.

use mde_results::Example;

use crate::predictions::PredictedImage;

/// Collects images spread evenly over a data set.
#[derive(Debug, Clone)]
pub(crate) struct Examples {
    spread: Spread,
    kept: Vec<Example>,
}

/// Chooses images spread evenly over a data set.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    images: usize,
    wanted: usize,
    seen: usize,
    taken: usize,
}

impl Spread {
    /// Chooses `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            images,
            wanted: wanted.min(images),
            seen: 0,
            taken: 0,
        }
    }

    /// Returns the next image's picture if the image is chosen. Images without a picture are
    /// skipped.
    pub(crate) fn take<'a>(&mut self, rgb: Option<&'a Vec<u8>>) -> Option<&'a Vec<u8>> {
        let index = self.seen;
        self.seen += 1;
        // The middle of each of `wanted` equal parts.
        let due = (2 * self.taken + 1) * self.images / (2 * self.wanted).max(1);
        let taken = rgb.filter(|_| self.taken < self.wanted && index >= due);
        self.taken += usize::from(taken.is_some());
        taken
    }
}

impl Examples {
    /// Keeps `wanted` of `images`.
    pub(crate) fn new(images: usize, wanted: usize) -> Self {
        Self {
            spread: Spread::new(images, wanted),
            kept: Vec::new(),
        }
    }

    /// Keeps the image if it is chosen. Images without a picture are skipped.
    pub(crate) fn offer(&mut self, image: &PredictedImage<'_>) {
        if let Some(rgb) = self.spread.take(image.rgb) {
            self.kept.push(image.example(rgb.clone()));
        }
    }

    /// The images kept.
    pub(crate) fn into_kept(self) -> Vec<Example> {
        self.kept
    }
}
