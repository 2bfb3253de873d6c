//! Synthetic ablations, corrections and top-activating images of the synthetic runs.

use std::collections::HashMap;
use std::path::Path;

use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
use mde_metrics::{
    CoreErrors, DepthBins, DiscretisationScore, EvalProtocol, PermutationNull, UnitAssignment,
    UnitNull,
};
use mde_results::{
    Ablation, AblationArea, AblationCurve, AblationPoint, BinGroup, Corrected, Correction,
    DepthRange, Dissection, FORMAT, Fill, ImageCorrection, Indicator, LayerAblation,
    LayerCorrection, LayerDissection, ORACLE, RemovalOrder, SingleRemovals, UnitDistance,
    UnitShare,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{Spec, dissection, noise, provenance, write_json};

/// A value with an interval of `margin` to either side.
pub fn around(value: f64, margin: f64) -> Estimate {
    Estimate {
        value,
        interval: Some(Interval {
            low: value - margin,
            high: value + margin,
        }),
    }
}

fn core_errors(abs_rel: f64) -> CoreErrors {
    CoreErrors {
        abs_rel,
        rmse: 3.5 * abs_rel,
        delta_1: (1.0 - 1.5 * abs_rel).max(0.0),
    }
}

/// Fills what `mde dissect` computes besides the mean responses.
pub fn add_statistics(layer: &mut LayerDissection) {
    let around = |value: f64, margin: f64| around(value, margin).interval;
    for row in 0..layer.units {
        layer.response_intervals[row] = layer.mean_response[row]
            .iter()
            .map(|response| response.and_then(|response| around(response, 0.08)))
            .collect();
    }
    for part in [&mut layer.reference, &mut layer.valid_bins] {
        part.interval = part.mean.and_then(|mean| around(mean, 0.03));
        part.unit_intervals = part
            .units
            .iter()
            .map(|unit| around(unit.selectivity?, 0.06))
            .collect();
        part.held_out.splits = 10;
        part.held_out.mean = part.mean.map(|mean| 0.9 * mean);
        part.held_out.units = part
            .units
            .iter()
            .map(|unit| unit.selectivity.map(|score| 0.9 * score))
            .collect();
    }
    let units: Vec<UnitNull> = layer
        .valid_bins
        .units
        .iter()
        .enumerate()
        .map(|(unit, scored)| {
            let mean = 0.15 + 0.05 * noise(unit as u64);
            UnitNull {
                mean: Some(mean),
                quantile_95: Some(mean + 0.08),
                p_value: scored
                    .selectivity
                    .map(|score| if score > mean + 0.08 { 0.005 } else { 0.4 }),
            }
        })
        .collect();
    let p_values = || units.iter().filter_map(|unit| unit.p_value);
    layer.null = Some(PermutationNull {
        permutations: 199,
        seed: 0,
        mean: Some(0.175),
        above: p_values().filter(|p| *p < 0.05).count(),
        tested: p_values().count(),
        units,
    });
    layer.flat_floor = Some(0.02);
    for k in [8, 16, 32, 64, 128] {
        for uniform in [false, true] {
            let bins = match uniform {
                true => DepthBins::uniform(0.0, 10.0, k),
                false => DepthBins::nyu(k),
            };
            let filled = 1.0 - 0.002 * k as f64;
            let score = layer.valid_bins.mean.unwrap_or(0.3);
            layer.discretisations.push(DiscretisationScore {
                bins: bins.unwrap(),
                bins_used: (filled * k as f64) as usize,
                valid_bins: Some(score * (0.9 + 0.02 * (k as f64).log2())),
                reference: Some(score + 0.001 * k as f64),
                flat_floor: Some((1.0 - filled) / (1.0 + filled)),
            });
        }
    }
    layer.top_images = Some(format!("dissect/{}-top.safetensors", layer.layer));
}

pub fn ablation(spec: &Spec, dissection: &Dissection, hash: &str) -> Ablation {
    let ranges: Vec<DepthRange> = (0..4)
        .map(|range| DepthRange {
            from: f64::from(range) * 2.5,
            to: f64::from(range + 1) * 2.5,
            pixels: if range == 3 { 0 } else { 1000 },
        })
        .collect();
    let layers: Vec<LayerAblation> = dissection
        .layers
        .iter()
        .map(|layer| {
            let units = layer.units;
            let score = |unit: usize| layer.valid_bins.units[unit].selectivity.unwrap_or(-1.0);
            let mut order: Vec<usize> = (0..units).collect();
            order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
            let mut counts = vec![0];
            let mut count = 1;
            while count < units {
                counts.push(count);
                count *= 2;
            }
            counts.push(units);
            let strength = if spec.assigned { 1.4 } else { 0.9 };
            let mut curves = Vec::new();
            for fill in [Fill::Zero, Fill::Mean] {
                let orders = [
                    RemovalOrder::MostSelectiveFirst,
                    RemovalOrder::LeastSelectiveFirst,
                ]
                .into_iter()
                .chain((0..5).map(|seed| RemovalOrder::Random { seed }));
                for order in orders {
                    let (power, grain) = match order {
                        RemovalOrder::MostSelectiveFirst => (1.0 / strength, 0.0),
                        RemovalOrder::LeastSelectiveFirst => (strength, 0.0),
                        RemovalOrder::Random { seed } => (1.0, 0.06 * noise(seed)),
                    };
                    let points = counts.iter().map(|removed| {
                        let share = *removed as f64 / units as f64;
                        let rise = share.powf(power) + grain * share * (1.0 - share);
                        let value =
                            spec.error * (1.0 + rise * if fill == Fill::Zero { 2.0 } else { 1.2 });
                        let by_range = ranges.iter().enumerate().map(|(index, range)| {
                            let value = value * (1.0 + 0.1 * index as f64);
                            (range.pixels > 0).then(|| core_errors(value))
                        });
                        AblationPoint {
                            removed: *removed,
                            errors: core_errors(value),
                            by_range: by_range.collect(),
                        }
                    });
                    curves.push(AblationCurve {
                        fill,
                        order,
                        points: points.collect(),
                    });
                }
            }
            let mut areas = Vec::new();
            for fill in [Fill::Zero, Fill::Mean] {
                for order in [
                    RemovalOrder::MostSelectiveFirst,
                    RemovalOrder::LeastSelectiveFirst,
                ] {
                    let sign = match order {
                        RemovalOrder::MostSelectiveFirst => strength - 1.0,
                        _ => 1.0 - strength,
                    };
                    areas.push(AblationArea {
                        fill,
                        order,
                        abs_rel: around(0.1 * sign, 0.012),
                        rmse: around(0.35 * sign, 0.05),
                        delta_1: around(-0.1 * sign, 0.02),
                        abs_rel_by_seed: (0..5)
                            .map(|seed| 0.1 * sign + 0.01 * noise(seed))
                            .collect(),
                    });
                }
            }
            let single = [Fill::Zero, Fill::Mean].map(|fill| SingleRemovals {
                fill,
                units: (0..units)
                    .map(|unit| core_errors(spec.error + 0.01 * (noise(unit as u64 + 90) - 0.2)))
                    .collect(),
            });
            LayerAblation {
                layer: layer.layer.clone(),
                units,
                order,
                mean_response: vec![0.4; units],
                baseline: core_errors(spec.error),
                curves,
                areas,
                single_removals: single.into(),
                values: format!("ablate/{}.safetensors", layer.layer),
            }
        })
        .collect();
    Ablation {
        format: FORMAT,
        provenance: provenance(spec),
        dissection: hash.to_owned(),
        protocol: EvalProtocol::preset("nyu-mff").unwrap(),
        images: spec.images,
        images_without_valid_depth: Vec::new(),
        bootstrap: Bootstrap::default(),
        ranges,
        layers,
    }
}

pub fn correction(spec: &Spec, dissection: &Dissection, hash: &str) -> Correction {
    let layers = dissection.layers.iter().map(|layer| {
        let (units, bins) = (layer.units, layer.bins.len());
        let by_bin = |error: f64| -> Vec<Option<CoreErrors>> {
            (0..bins)
                .map(|bin| (bin > 0).then(|| core_errors(error * (0.8 + 0.02 * bin as f64))))
                .collect()
        };
        let corrected = |reduction: f64| Corrected {
            errors: core_errors(spec.error - reduction),
            by_bin: by_bin(spec.error - reduction),
            abs_rel_reduction: around(reduction, 0.2 * reduction.abs() + 0.0005),
            relative_reduction: Some(reduction / spec.error),
        };
        let gain = |unit: usize| 0.012 * (noise(unit as u64 + 300) - 0.15);
        let mut ranking: Vec<usize> = (0..units).collect();
        ranking.sort_by(|a, b| gain(*b).total_cmp(&gain(*a)));
        let assignment = UnitAssignment::new(units, bins).unwrap();
        let groups = (0..bins).map(|bin| {
            let units: Vec<usize> = (0..units)
                .filter(|unit| assignment.bin_of(*unit) == bin && bin % 3 > 0)
                .collect();
            BinGroup {
                corrected: (!units.is_empty()).then(|| corrected(0.004 + 0.001 * bin as f64)),
                units,
            }
        });
        let per_image = (0..spec.images).map(|index| ImageCorrection {
            id: format!("test/room_{index:05}"),
            before: core_errors(spec.error * (1.0 + 0.1 * noise(index as u64))),
            after: core_errors(spec.error * 0.6),
            units: ranking
                .iter()
                .take(5)
                .map(|unit| UnitShare {
                    unit: *unit,
                    abs_rel_reduction: gain(*unit),
                })
                .collect(),
            score: Some(1.0 + 0.2 * noise(index as u64 + 5)),
        });
        LayerCorrection {
            layer: layer.layer.clone(),
            units,
            bins: layer.bins.clone(),
            pixels: layer.pixels.clone(),
            replaced: 0.91,
            before: core_errors(spec.error),
            before_by_bin: by_bin(spec.error),
            all_units: corrected(0.4 * spec.error),
            single_units: (0..units).map(|unit| corrected(gain(unit))).collect(),
            groups: groups.collect(),
            per_image: per_image.collect(),
            ranking,
            indicator: Indicator {
                images: spec.images,
                spearman: Some(around(0.31, 0.12)),
                spearman_of_depth: Some(around(0.44, 0.1)),
                units: (0..units)
                    .map(|unit| UnitDistance {
                        distance: Some(0.2 + 0.1 * noise(unit as u64)),
                        relative: Some(0.5),
                        spearman: Some(noise(unit as u64) - 0.4),
                    })
                    .collect(),
            },
            values: format!("correct/{}.safetensors", layer.layer),
            maps: format!("correct/{}-maps.safetensors", layer.layer),
        }
    });
    Correction {
        format: FORMAT,
        note: ORACLE.to_owned(),
        provenance: provenance(spec),
        dissection: hash.to_owned(),
        protocol: EvalProtocol::preset("nyu-mff").unwrap(),
        images: spec.images,
        images_without_valid_depth: Vec::new(),
        bootstrap: Bootstrap::default(),
        layers: layers.collect(),
    }
}

type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

pub fn safetensors(tensors: &Tensors, ids: &[String]) -> Vec<u8> {
    let metadata = HashMap::from([("ids".to_owned(), serde_json::to_string(ids).unwrap())]);
    let views = tensors.iter().map(|(name, dtype, shape, data)| {
        let view = TensorView::new(*dtype, shape.clone(), data).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, Some(metadata)).unwrap()
}

fn photograph(index: usize, (height, width): (usize, usize)) -> Vec<u8> {
    (0..height * width)
        .flat_map(|at| {
            let (y, x) = (at / width, at % width);
            let light = 60 + 150 * y / height + 30 * ((x * 6 / width + index) % 2);
            [light, light * 9 / 10, light * 3 / 4].map(|value| value as u8)
        })
        .collect()
}

/// The images with the strongest response: three per unit, one of the last unit.
pub fn top_images(spec: &Spec) -> Vec<u8> {
    const TOP: usize = 3;
    let ids: Vec<String> = (0..spec.images.min(6))
        .map(|index| format!("test/room_{index:05}"))
        .collect();
    let (height, width) = (spec.size.0.div_ceil(4), spec.size.1.div_ceil(4));
    let mut tensors: Tensors = (0..ids.len())
        .map(|index| {
            let shape = vec![spec.size.0, spec.size.1, 3];
            (
                format!("{index}/rgb"),
                Dtype::U8,
                shape,
                photograph(index, spec.size),
            )
        })
        .collect();
    let (mut images, mut peaks, mut activation) = (Vec::new(), Vec::new(), Vec::new());
    for unit in 0..spec.units {
        for rank in 0..TOP {
            let none = unit + 1 == spec.units && rank > 0 || ids.is_empty();
            let image = if none {
                -1
            } else {
                ((unit + rank) % ids.len()) as i32
            };
            images.extend(image.to_le_bytes());
            peaks.extend((2.0 - 0.5 * rank as f32).to_le_bytes());
            activation.extend((0..height * width).map(|at| {
                let (y, x) = ((at / width) as f64, (at % width) as f64);
                let (cy, cx) = (
                    noise(unit as u64) * height as f64,
                    noise(unit as u64 + 7) * width as f64,
                );
                let near =
                    -((y - cy).powi(2) + (x - cx).powi(2)) / (0.05 * (height * width) as f64);
                (255.0 * near.exp()) as u8
            }));
        }
    }
    let shape = vec![spec.units, TOP];
    tensors.push(("images".to_owned(), Dtype::I32, shape.clone(), images));
    tensors.push(("peak".to_owned(), Dtype::F32, shape, peaks));
    let shape = vec![spec.units, TOP, height, width];
    tensors.push(("activation".to_owned(), Dtype::U8, shape, activation));
    safetensors(&tensors, &ids)
}

/// Maps before and after correction of up to two images.
pub fn corrected_maps(spec: &Spec) -> Vec<u8> {
    let (height, width) = spec.size;
    let ids: Vec<String> = (0..spec.images.min(2))
        .map(|index| format!("test/room_{index:05}"))
        .collect();
    let mut tensors: Tensors = Vec::new();
    for index in 0..ids.len() {
        let mut float = |name: &str, value: &dyn Fn(f64, f64) -> f64| {
            let values = (0..height * width).flat_map(|at| {
                let (y, x) = (at / width, at % width);
                (value(y as f64 / height as f64, x as f64 / width as f64) as f32).to_le_bytes()
            });
            let name = format!("{index}/{name}");
            tensors.push((name, Dtype::F32, vec![height, width], values.collect()));
        };
        float("gt", &|y, x| {
            if x < 0.1 { 0.0 } else { 1.0 + 5.0 * (1.0 - y) }
        });
        float("pred", &|y, x| {
            1.3 + 5.0 * (1.0 - y) + 0.4 * (9.0 * x).sin()
        });
        float("corrected", &|y, x| {
            1.1 + 5.0 * (1.0 - y) + 0.1 * (9.0 * x).sin()
        });
        float("gain", &|y, x| 0.2 * (y * x).sqrt());
        let units = (0..height * width).flat_map(|at| {
            let unit = (at * 5 / (height * width)) as i32 % spec.units as i32;
            (if at % width < width / 9 { -1 } else { unit }).to_le_bytes()
        });
        let name = format!("{index}/unit");
        tensors.push((name, Dtype::I32, vec![height, width], units.collect()));
        let shape = vec![height, width, 3];
        tensors.push((
            format!("{index}/rgb"),
            Dtype::U8,
            shape,
            photograph(index, spec.size),
        ));
    }
    safetensors(&tensors, &ids)
}

/// Adds all results of `dissect`, `ablate` and `correct` to a run folder.
pub fn add_analyses(folder: &Path, spec: &Spec) {
    let mut dissection = dissection(spec);
    dissection.layers.iter_mut().for_each(add_statistics);
    write_analyses(folder, spec, &dissection);
}

/// Writes a dissection and the analyses that follow from it.
pub fn write_analyses(folder: &Path, spec: &Spec, dissection: &Dissection) {
    write_json(&folder.join("dissect.json"), dissection);
    let hash = std::fs::read(folder.join("dissect.json")).unwrap();
    let hash = blake3::hash(&hash).to_string();
    write_json(
        &folder.join("ablate.json"),
        &ablation(spec, dissection, &hash),
    );
    write_json(
        &folder.join("correct.json"),
        &correction(spec, dissection, &hash),
    );
    for stage in ["dissect", "correct"] {
        std::fs::create_dir_all(folder.join(stage)).unwrap();
    }
    for layer in &dissection.layers {
        if let Some(file) = &layer.top_images {
            std::fs::write(folder.join(file), top_images(spec)).unwrap();
        }
        let maps = format!("correct/{}-maps.safetensors", layer.layer);
        std::fs::write(folder.join(maps), corrected_maps(spec)).unwrap();
    }
}
