//! The order of a stored array's axes: units and maps from channels-first, channels-last and token
//! arrays.

use std::str::FromStr;

use anyhow::{bail, ensure};
use mde_metrics::ImageSize;

/// Maximum number of class and register tokens before the tokens of the patches.
const MAX_LEADING: usize = 8;

/// Difference in aspect ratio, as ln, by which another reading of small maps is ruled out: rounding
/// changes the aspect ratio of maps of 3 pixels and more by less.
const MUCH_LESS_LIKELY: f64 = 0.25;

/// Number of tokens above which an axis that could be units is said to fit as tokens.
const LIKELY_TOKENS: usize = 64;

/// The order of the axes of `features`, as the user states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Axes {
    /// [N, C, h, w], as in PyTorch
    Nchw,
    /// [N, h, w, C], as in TensorFlow and JAX
    Nhwc,
}

/// A grid of tokens, `HxW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenGrid(pub(super) ImageSize);

impl FromStr for TokenGrid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', 'X', '×']);
        let sides = sides.and_then(|(height, width)| {
            Some((height.trim().parse().ok()?, width.trim().parse().ok()?))
        });
        match sides {
            Some((height, width)) if height > 0 && width > 0 => {
                Ok(Self(ImageSize { height, width }))
            }
            _ => Err("expected HxW, such as 14x14: rows and columns of the patches".to_owned()),
        }
    }
}

/// What the user says about the axes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stated {
    Nothing,
    Axes(Axes),
    Tokens(TokenGrid),
}

/// The shapes of a file's features and depth.
pub(super) struct Shapes<'a> {
    pub(super) features: &'a [usize],
    pub(super) images: usize,
    pub(super) depth: ImageSize,
}

/// Where the units of an image are in its part of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// `[C, h, w]`
    Planes,
    /// `[leading + h * w, C]`
    Pixels { leading: usize },
}

/// The maps of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maps {
    pub(super) units: usize,
    pub(super) size: ImageSize,
    order: Order,
}

impl Maps {
    /// The maps that an array of this shape holds.
    ///
    /// # Errors
    /// If the aspect ratio of the maps shows that the axes have another order, or could have.
    pub(super) fn new(shapes: &Shapes<'_>, stated: Stated) -> anyhow::Result<Self> {
        if let Stated::Tokens(TokenGrid(grid)) = stated {
            return Self::from_tokens(shapes, grid);
        }
        let [images, a, b, c] = match *shapes.features {
            [images, a, b, c] => [images, a, b, c],
            [images, tokens, units] => {
                shapes.check_images(images)?;
                bail!("three axes; {}", shapes.token_advice(tokens, units));
            }
            _ => bail!("expected [N, C, h, w]"),
        };
        let first = Self::planes(a, b, c);
        let last = Self {
            units: c,
            size: ImageSize::new(a, b),
            order: Order::Pixels { leading: 0 },
        };
        let fits = |maps: Self| images == shapes.images && maps.size.has_aspect_of(shapes.depth);
        let is_as_likely = |one: Self, other: Self| {
            let [one, other] = [one, other].map(|maps| deviation(maps.size, shapes.depth));
            one <= other + MUCH_LESS_LIKELY
        };
        match stated {
            Stated::Axes(Axes::Nchw) if fits(first) => Ok(first),
            Stated::Axes(Axes::Nhwc) if fits(last) => Ok(last),
            Stated::Nothing if a == 1 && images == shapes.images => bail!(
                "one unit as [N, C, h, w]; for tokens [N, 1, T, C], {}; for maps of one unit, give \
                 --layout nchw",
                shapes.token_advice(b, c)
            ),
            Stated::Nothing if fits(first) && fits(last) && is_as_likely(last, first) => bail!(
                "this fits the depth of {} both as [N, C, h, w] ({}) and as [N, h, w, C] ({}); \
                 give --layout nchw or --layout nhwc",
                shapes.depth,
                first.words(),
                last.words()
            ),
            Stated::Nothing if fits(first) => Ok(first),
            Stated::Axes(Axes::Nhwc) => Err(shapes.no_fit(last, &[b, c])),
            _ => Err(shapes.no_fit(first, &[b, c])),
        }
    }

    fn planes(units: usize, height: usize, width: usize) -> Self {
        Self {
            units,
            size: ImageSize { height, width },
            order: Order::Planes,
        }
    }

    fn from_tokens(shapes: &Shapes<'_>, grid: ImageSize) -> anyhow::Result<Self> {
        let (images, tokens, units) = match *shapes.features {
            [images, tokens, units] | [images, 1, tokens, units] => (images, tokens, units),
            _ => bail!("--tokens reads [N, T, C] or [N, 1, T, C]; leave it out for maps"),
        };
        shapes.check_images(images)?;
        let fits = |count: usize| {
            let leading = count.checked_sub(grid.pixels())?;
            (leading <= MAX_LEADING && grid.has_aspect_of(shapes.depth)).then_some(leading)
        };
        let best = shapes.best_grid(tokens);
        let Some(leading) = fits(tokens) else {
            let advice = match best {
                _ if fits(units).is_some() => {
                    let axes: Vec<_> = (0..shapes.features.len() - 2).collect();
                    format!("it fits as [N, C, T]: save {}", transposed(&axes, true))
                }
                Some(best) if best.deviation(shapes.depth) <= deviation(grid, shapes.depth) => {
                    best.advice()
                }
                _ if grid.has_aspect_of(shapes.depth) && grid.pixels() < tokens => format!(
                    "save the tokens of the patches only, such as \
                     np.ascontiguousarray(features[..., -{}:, :])",
                    grid.pixels()
                ),
                Some(best) => best.advice(),
                None => format!(
                    "no grid of {tokens} tokens, less up to {MAX_LEADING} class and register tokens, \
                     has the aspect ratio of the depth: save the tokens of the patches only, and the \
                     depth of the network's view"
                ),
            };
            bail!(
                "{tokens} tokens of {units} units are not a {grid} grid over depth of {}, with up to \
                 {MAX_LEADING} class and register tokens before it; {advice}",
                shapes.depth
            );
        };
        if let Some(best) = best
            && best.leading <= leading
            && best.deviation(shapes.depth) + 1e-9 < deviation(grid, shapes.depth)
        {
            bail!(
                "{tokens} tokens are a {} grid with {} before it rather than a {grid} grid with \
                 {leading}: the depth is {}; {}",
                best.grid,
                best.leading,
                shapes.depth,
                best.advice()
            );
        }
        Ok(Self {
            units,
            size: grid,
            order: Order::Pixels { leading },
        })
    }

    /// The number of class and register tokens that are dropped.
    pub(super) fn leading(&self) -> usize {
        match self.order {
            Order::Planes => 0,
            Order::Pixels { leading } => leading,
        }
    }

    /// The maps `[units, h, w]` of one image.
    pub(super) fn arrange(&self, values: Vec<f32>) -> Vec<f32> {
        let Order::Pixels { leading } = self.order else {
            return values;
        };
        let pixels = &values[leading * self.units..];
        let units = 0..self.units;
        units
            .flat_map(|unit| pixels.iter().skip(unit).step_by(self.units).copied())
            .collect()
    }

    /// `60 units of 12x16`
    pub(super) fn words(&self) -> String {
        let plural = if self.units == 1 { "" } else { "s" };
        format!("{} unit{plural} of {}", self.units, self.size)
    }
}

/// A grid of tokens, and the number of tokens before it.
#[derive(Debug, Clone, Copy)]
struct Split {
    grid: ImageSize,
    leading: usize,
}

impl Split {
    fn deviation(&self, depth: ImageSize) -> f64 {
        deviation(self.grid, depth)
    }

    fn advice(&self) -> String {
        format!("give --tokens {}", self.grid)
    }
}

/// The distance of two aspect ratios, |ln(h W / (w H))|.
fn deviation(grid: ImageSize, depth: ImageSize) -> f64 {
    let [one, other] = [grid, depth].map(|size| size.height as f64 / size.width as f64);
    (one / other).ln().abs()
}

impl Shapes<'_> {
    fn check_images(&self, images: usize) -> anyhow::Result<()> {
        ensure!(
            images == self.images,
            "{images} images, but depth of {}; each image needs both",
            self.images
        );
        Ok(())
    }

    /// The grid whose aspect ratio is nearest to the depth's, with the fewest tokens before it.
    fn best_grid(&self, tokens: usize) -> Option<Split> {
        let leading = 0..=MAX_LEADING.min(tokens.saturating_sub(1));
        let splits = leading.flat_map(|leading| {
            let pixels = tokens - leading;
            let heights = (2..=pixels / 2).filter(move |height| pixels.is_multiple_of(*height));
            heights.map(move |height| Split {
                grid: ImageSize::new(height, pixels / height),
                leading,
            })
        });
        let fitting = splits.filter(|split| split.grid.has_aspect_of(self.depth));
        let order = |split: &Split| (split.deviation(self.depth), split.leading);
        fitting.min_by(|a, b| {
            let ((one, few), (other, many)) = (order(a), order(b));
            one.total_cmp(&other).then(few.cmp(&many))
        })
    }

    /// How to read an array of tokens.
    fn token_advice(&self, tokens: usize, units: usize) -> String {
        let straight = self.best_grid(tokens).map(|best| best.advice());
        // Tokens in the place of units would be read as units.
        let turned = self
            .best_grid(units)
            .filter(|split| split.grid.pixels() >= LIKELY_TOKENS);
        let turned = turned.map(|_| {
            let axes: Vec<_> = (0..self.features.len() - 2).collect();
            format!("if it is [N, C, T], save {} first", transposed(&axes, true))
        });
        match (straight, turned) {
            (Some(straight), None) => straight,
            (Some(straight), Some(turned)) => format!("{straight}; {turned}"),
            (None, Some(turned)) => turned,
            (None, None) => "give --tokens HxW, the rows and columns of the patches".to_owned(),
        }
    }

    /// The order of axes that would fit.
    fn no_fit(&self, read: Maps, sides: &[usize; 2]) -> anyhow::Error {
        /// Orders as (what the axes are, the transposition to [N, C, h, w]).
        const ORDERS: [(&str, [usize; 4]); 6] = [
            ("[N, h, w, C]", [0, 3, 1, 2]),
            ("[N, C, h, w]", [0, 1, 2, 3]),
            ("[N, C, w, h]", [0, 1, 3, 2]),
            ("[N, w, h, C]", [0, 3, 2, 1]),
            ("[C, N, h, w]", [1, 0, 2, 3]),
            ("[N, h, C, w]", [0, 2, 1, 3]),
        ];
        let fits = |axes: &[usize; 4]| {
            let [images, _, height, width] = axes.map(|axis| self.features[axis]);
            images == self.images && ImageSize { height, width }.has_aspect_of(self.depth)
        };
        let fitting = ORDERS.iter().find(|(_, axes)| fits(axes));
        let Some((order, axes)) = fitting else {
            return match self.check_images(self.features[0]) {
                Err(error) => error,
                Ok(()) if self.best_grid(sides[0]).is_some() && self.features[1] == 1 => {
                    anyhow::anyhow!("{}", self.token_advice(sides[0], sides[1]))
                }
                Ok(()) => anyhow::anyhow!(
                    "{} over depth of {}: their aspect ratios differ by more than 2 %, in every order \
                     of the axes; crop the depth to the network's view",
                    read.words(),
                    self.depth
                ),
            };
        };
        let save = format!("save {}", transposed(axes, false));
        let advice = match *order {
            "[N, h, w, C]" => format!("give --layout nhwc, or {save}"),
            "[N, C, h, w]" => "give --layout nchw".to_owned(),
            _ => save,
        };
        anyhow::anyhow!(
            "{} over depth of {}: their aspect ratios differ by more than 2 %. It fits as {order}: \
             {advice}",
            read.words(),
            self.depth
        )
    }
}

/// The NumPy expression that transposes `features`. With `swap`, the two axes that follow these are
/// exchanged. safetensors writes memory as it lies, so the result must be contiguous.
fn transposed(axes: &[usize], swap: bool) -> String {
    let next = axes.len();
    let swapped = [next + 1, next].into_iter().filter(|_| swap);
    let axes: Vec<String> = (axes.iter().copied().chain(swapped))
        .map(|axis| axis.to_string())
        .collect();
    format!(
        "np.ascontiguousarray(features.transpose({}))",
        axes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn maps(features: &[usize], depth: (usize, usize), stated: Stated) -> Result<Maps, String> {
        let shapes = Shapes {
            features,
            images: 8,
            depth: ImageSize::new(depth.0, depth.1),
        };
        Maps::new(&shapes, stated).map_err(|error| error.to_string())
    }

    fn tokens(features: &[usize], depth: (usize, usize), grid: &str) -> Result<Maps, String> {
        maps(features, depth, Stated::Tokens(grid.parse().unwrap()))
    }

    #[test]
    fn maps_of_known_networks_are_read_without_a_word() {
        for (features, depth) in [
            ([8, 64, 57, 76], (228, 304)),
            ([8, 2048, 8, 10], (228, 304)),
            ([8, 256, 11, 38], (352, 1216)),
            ([8, 60, 12, 16], (48, 64)),
            ([8, 384, 37, 49], (480, 640)),
            ([8, 768, 14, 14], (224, 224)),
        ] {
            let found = maps(&features, depth, Stated::Nothing).unwrap();
            assert_eq!(found, Maps::planes(features[1], features[2], features[3]));
        }
    }

    #[test]
    fn another_order_of_axes_is_named() {
        for (features, depth, parts) in [
            (
                [8, 12, 16, 60],
                (48, 64),
                &["[N, h, w, C]", "--layout nhwc", "transpose(0, 3, 1, 2)"][..],
            ),
            (
                [8, 60, 16, 12],
                (48, 64),
                &["[N, C, w, h]", "transpose(0, 1, 3, 2)"],
            ),
            (
                [8, 16, 12, 60],
                (48, 64),
                &["[N, w, h, C]", "transpose(0, 3, 2, 1)"],
            ),
            (
                [60, 8, 12, 16],
                (48, 64),
                &["[C, N, h, w]", "transpose(1, 0, 2, 3)"],
            ),
            ([8, 60, 16, 16], (48, 64), &["every order", "crop"]),
            ([6, 60, 12, 16], (48, 64), &["6 images", "depth of 8"]),
        ] {
            let error = maps(&features, depth, Stated::Nothing).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{features:?}: no {part} in {error}");
            }
        }
    }

    #[test]
    fn two_orders_that_fit_must_be_told_apart() {
        // Square maps with as many units, and maps in which the wrong reading is within rounding.
        for (features, depth) in [
            ([8, 16, 16, 16], (64, 64)),
            ([8, 12, 16, 22], (48, 64)),
            ([8, 60, 80, 107], (480, 640)),
        ] {
            let error = maps(&features, depth, Stated::Nothing).unwrap_err();
            assert!(error.contains("--layout nchw or --layout nhwc"), "{error}");
            let last = maps(&features, depth, Stated::Axes(Axes::Nhwc)).unwrap();
            assert_eq!((last.units, last.size.height), (features[3], features[1]));
            let first = maps(&features, depth, Stated::Axes(Axes::Nchw)).unwrap();
            assert_eq!((first.units, first.size.height), (features[1], features[2]));
        }
        let error = maps(&[8, 60, 12, 16], (48, 64), Stated::Axes(Axes::Nhwc)).unwrap_err();
        assert!(error.contains("give --layout nchw"), "{error}");
    }

    #[test]
    fn tokens_need_their_grid() {
        for (features, depth, advice) in [
            (&[8, 192, 60][..], (48, 64), "--tokens 12x16"),
            (&[8, 1, 192, 256], (48, 64), "--tokens 12x16"),
            (&[8, 197, 768], (224, 224), "--tokens 14x14"),
            (&[8, 1374, 384], (518, 518), "--tokens 37x37"),
            (&[8, 1531, 384], (480, 640), "--tokens 34x45"),
            (&[8, 1, 12, 16], (48, 64), "--layout nchw"),
        ] {
            let error = maps(features, depth, Stated::Nothing).unwrap_err();
            assert!(error.contains(advice), "{features:?}: {error}");
        }
        for (features, depth, grid, leading) in [
            (&[8, 192, 60][..], (48, 64), "12x16", 0),
            (&[8, 1, 193, 256], (48, 64), "12x16", 1),
            (&[8, 197, 768], (224, 224), "14x14", 1),
            (&[8, 1374, 384], (518, 518), "37X37", 5),
            (&[8, 1531, 384], (480, 640), "34x45", 1),
        ] {
            let found = tokens(features, depth, grid).unwrap();
            assert_eq!(found.leading(), leading, "{features:?}");
            assert_eq!(found.units, features[features.len() - 1]);
        }
    }

    #[test]
    fn a_wrong_grid_is_refused_with_the_right_one() {
        for (features, depth, grid, advice) in [
            (&[8, 192, 60][..], (48, 64), "16x12", "--tokens 12x16"),
            (&[8, 197, 768], (224, 224), "13x15", "--tokens 14x14"),
            (&[8, 1374, 384], (518, 518), "14x14", "--tokens 37x37"),
            (&[8, 192, 60], (48, 64), "12x17", "--tokens 12x16"),
            (&[8, 60, 192], (48, 64), "12x16", "transpose(0, 2, 1)"),
            (&[8, 1, 60, 192], (48, 64), "12x16", "transpose(0, 1, 3, 2)"),
            (
                &[8, 246, 768],
                (224, 224),
                "14x14",
                "features[..., -196:, :]",
            ),
            (&[8, 60, 12, 16], (48, 64), "12x16", "leave it out"),
            (&[6, 192, 60], (48, 64), "12x16", "6 images"),
        ] {
            let error = tokens(features, depth, grid).unwrap_err();
            assert!(error.contains(advice), "{features:?} {grid}: {error}");
        }
        for text in ["12", "0x3", "x", "12x", "-1x4"] {
            assert!(text.parse::<TokenGrid>().is_err(), "{text}");
        }
    }

    #[test]
    fn pixels_become_planes() {
        let shapes = Shapes {
            features: &[8, 1 + 6, 2],
            images: 8,
            depth: ImageSize::new(4, 6),
        };
        let grid = Stated::Tokens("2x3".parse().unwrap());
        let maps = Maps::new(&shapes, grid).unwrap();
        let values = [
            -1.0, -2.0, 0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0, 4.0, 14.0, 5.0, 15.0,
        ];
        let planes = [
            0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
        ];
        assert_eq!(maps.arrange(values.to_vec()), planes);
    }
}
