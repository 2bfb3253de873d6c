//! One pass over all depth maps of a list: their mean, and what is wrong with them.

use rayon::prelude::*;

use crate::stored::StoredDepths;
use crate::{DatasetError, RgbdList};

/// What all depth maps of a list hold.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthSurvey {
    /// Mean of all measured depths in metres, every pixel counted once: the prediction of the
    /// constant baseline. Depth out of reach counts as not measured.
    pub mean: f64,
    /// What was found and what to do about it, a sentence each: pixels with the largest value of
    /// the file, depth beyond the reach of the scene, rotated bits.
    pub warnings: Vec<String>,
}

/// Sums and counts of one map.
struct MapSurvey {
    sum: f64,
    valid: u64,
    stored: StoredDepths,
}

/// Reads all depth maps of a list, in parallel.
///
/// Sums are f64 per image and added in the list's order: the result is the same for any number of
/// threads.
///
/// # Errors
/// A depth file that does not load, or a list without any valid depth.
pub fn survey_depth(list: &RgbdList) -> Result<DepthSurvey, DatasetError> {
    let plan = list.plan();
    let survey = |index| {
        let mut depth = list.load_stored_depth(index)?;
        let stored = StoredDepths::new(&depth, plan);
        plan.drop_out_of_reach(&mut depth);
        let valid = depth.metres.iter().filter(|&&metres| metres > 0.0);
        let (sum, valid) = valid.fold((0.0, 0), |(sum, count), &metres| {
            (sum + f64::from(metres), count + 1)
        });
        Ok(MapSurvey { sum, valid, stored })
    };
    let maps = (0..list.len()).into_par_iter().map(survey);
    let maps: Vec<MapSurvey> = maps.collect::<Result<_, DatasetError>>()?;
    let (mut sum, mut valid, mut stored) = (0.0, 0, StoredDepths::empty());
    for map in &maps {
        sum += map.sum;
        valid += map.valid;
        stored.add(&map.stored);
    }
    if valid == 0 {
        return Err(DatasetError::NoValidDepth {
            list: list.list().to_owned(),
            images: list.len(),
            max: plan.reach().1,
        });
    }
    let faults = stored.faults(plan).into_iter();
    let warnings = faults.map(|fault| match fault.advice {
        "" => fault.what,
        advice => format!("{}; {advice}", fault.what),
    });
    Ok(DepthSurvey {
        mean: sum / valid as f64,
        warnings: warnings.collect(),
    })
}

/// [`DepthSurvey::mean`].
///
/// # Errors
/// As [`survey_depth`].
pub fn mean_depth(list: &RgbdList) -> Result<f64, DatasetError> {
    Ok(survey_depth(list)?.mean)
}
