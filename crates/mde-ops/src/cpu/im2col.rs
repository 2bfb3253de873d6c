//! Unfolds an image into columns that make a convolution a matrix product, and back.

use std::ops::Range;

use super::panel::PANEL;

/// Sizes of a convolution of one image in one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: usize,
    /// Zeros above and to the left of the input.
    pub(crate) padding: (usize, usize),
    pub(crate) dilation: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
}

impl Geometry {
    /// Number of taps of the kernel.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// Number of pixels of an output plane.
    pub(crate) fn out_pixels(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Number of pixels of an input plane.
    pub(crate) fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Zeros below and to the right of the input that the last outputs read.
    pub(crate) fn zeros_behind(&self) -> (usize, usize) {
        let behind = |out: usize, kernel: usize, zeros: usize, size: usize| {
            let read = (out - 1) * self.stride + (kernel - 1) * self.dilation + 1;
            read.saturating_sub(zeros + size)
        };
        (
            behind(self.out_height, self.kernel.0, self.padding.0, self.height),
            behind(self.out_width, self.kernel.1, self.padding.1, self.width),
        )
    }

    /// True where the columns are the image itself.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.stride == 1 && self.padding == (0, 0)
    }

    /// The input row that an output row reads at row `ky` of the kernel, if inside the image.
    fn source_row(&self, row: usize, ky: usize) -> Option<usize> {
        (row * self.stride + ky * self.dilation)
            .checked_sub(self.padding.0)
            .filter(|&source| source < self.height)
    }

    /// Output columns whose tap `kx` lies inside the input.
    fn inside(&self, kx: usize) -> Range<usize> {
        let shift = kx * self.dilation;
        let first = self.padding.1.saturating_sub(shift).div_ceil(self.stride);
        // The last column reads ox * stride + shift - padding <= width - 1.
        let end = match (self.width + self.padding.1).checked_sub(shift + 1) {
            Some(reach) => (reach / self.stride + 1).min(self.out_width),
            None => 0,
        };
        first.min(end)..end
    }

    /// Calls `visit(tap, output pixels, input start)` for each run of output pixels in `rows` whose
    /// tap lies inside the image. The run reads the input from `start` in steps of the stride.
    fn runs(&self, rows: &Range<usize>, mut visit: impl FnMut(usize, Range<usize>, usize)) {
        for ky in 0..self.kernel.0 {
            for kx in 0..self.kernel.1 {
                let columns = self.inside(kx);
                if columns.is_empty() {
                    continue;
                }
                let x = columns.start * self.stride + kx * self.dilation - self.padding.1;
                for oy in rows.clone() {
                    if let Some(y) = self.source_row(oy, ky) {
                        let row = (oy - rows.start) * self.out_width;
                        visit(
                            ky * self.kernel.1 + kx,
                            row + columns.start..row + columns.end,
                            y * self.width + x,
                        );
                    }
                }
            }
        }
    }

    /// Unfolds `planes` `[channels, height, width]` for the output `rows` into `columns`, with
    /// zeros outside the image. Row (channel, tap) has the length `stride` and holds `rows *
    /// out_width` values from `offset` on.
    pub(crate) fn im2col(
        &self,
        planes: &[f32],
        rows: Range<usize>,
        columns: &mut [f32],
        Placement { offset, stride }: Placement,
    ) {
        let pixels = rows.len() * self.out_width;
        let unfolded = columns.chunks_mut(self.taps() * stride);
        for (plane, unfolded) in planes.chunks_exact(self.pixels()).zip(unfolded) {
            for row in unfolded.chunks_mut(stride) {
                row[offset..offset + pixels].fill(0.0);
            }
            self.runs(&rows, |tap, run, start| {
                let target = &mut unfolded[tap * stride + offset..][run];
                if self.stride == 1 {
                    target.copy_from_slice(&plane[start..start + target.len()]);
                } else {
                    for (value, source) in target
                        .iter_mut()
                        .zip(plane[start..].iter().step_by(self.stride))
                    {
                        *value = *source;
                    }
                }
            });
        }
    }

    /// Unfolds `planes` `[channels, height, width]` for up to [`PANEL`] output `pixels` in reading
    /// order. Row (channel, tap) of `panel` `[channels * taps, PANEL]` holds their values, zeros
    /// outside the image, then arbitrary values.
    pub(crate) fn panel(&self, planes: &[f32], pixels: Range<usize>, panel: &mut [f32]) {
        let channels = planes.chunks_exact(self.pixels());
        if self.is_pointwise() {
            for (plane, row) in channels.zip(panel.chunks_exact_mut(PANEL)) {
                row[..pixels.len()].copy_from_slice(&plane[pixels.clone()]);
            }
            return;
        }
        let runs = self.panel_runs(pixels);
        for (plane, rows) in channels.zip(panel.chunks_exact_mut(self.taps() * PANEL)) {
            for run in &runs {
                let target = &mut rows[run.target.clone()];
                target[..run.inside.start].fill(0.0);
                target[run.inside.end..].fill(0.0);
                let source = &plane[run.source..];
                let inside = &mut target[run.inside.clone()];
                if self.stride == 1 {
                    inside.copy_from_slice(&source[..inside.len()]);
                } else {
                    for (value, source) in inside.iter_mut().zip(source.iter().step_by(self.stride))
                    {
                        *value = *source;
                    }
                }
            }
        }
    }

    /// Runs of pixels of one output row seen by each tap, in one channel's part of a panel.
    fn panel_runs(&self, pixels: Range<usize>) -> Vec<PanelRun> {
        let mut runs = Vec::new();
        let mut offset = 0;
        while offset < pixels.len() {
            let pixel = pixels.start + offset;
            let (oy, ox) = (pixel / self.out_width, pixel % self.out_width);
            let length = (self.out_width - ox).min(pixels.len() - offset);
            for ky in 0..self.kernel.0 {
                let row = self.source_row(oy, ky);
                for kx in 0..self.kernel.1 {
                    let start = (ky * self.kernel.1 + kx) * PANEL + offset;
                    let columns = self.inside(kx);
                    let first = columns.start.clamp(ox, ox + length);
                    let end = columns.end.clamp(first, ox + length);
                    let run = match row {
                        Some(y) if first < end => PanelRun {
                            target: start..start + length,
                            inside: first - ox..end - ox,
                            source: y * self.width + first * self.stride + kx * self.dilation
                                - self.padding.1,
                        },
                        _ => PanelRun {
                            target: start..start + length,
                            inside: 0..0,
                            source: 0,
                        },
                    };
                    runs.push(run);
                }
            }
            offset += length;
        }
        runs
    }

    /// Adjoint of [`Geometry::im2col`] over all rows: adds the columns to the image.
    pub(crate) fn col2im(
        &self,
        columns: &[f32],
        Placement { offset, stride }: Placement,
        planes: &mut [f32],
    ) {
        let unfolded = columns.chunks(self.taps() * stride);
        for (plane, unfolded) in planes.chunks_exact_mut(self.pixels()).zip(unfolded) {
            self.runs(&(0..self.out_height), |tap, run, start| {
                let source = &unfolded[tap * stride + offset..][run];
                for (value, source) in plane[start..].iter_mut().step_by(self.stride).zip(source) {
                    *value += *source;
                }
            });
        }
    }
}

/// A run within a row of a panel.
struct PanelRun {
    target: Range<usize>,
    /// Part of the target inside the image.
    inside: Range<usize>,
    /// Input position of the first value inside.
    source: usize,
}

/// Position of an image's columns in rows that several images may share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// First value of each row.
    pub(crate) offset: usize,
    /// Length of the rows.
    pub(crate) stride: usize,
}

impl Placement {
    /// Rows of `pixels` values of a single image.
    pub(crate) fn for_one_image(pixels: usize) -> Self {
        Self {
            offset: 0,
            stride: pixels,
        }
    }
}
