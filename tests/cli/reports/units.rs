//! What a stored number stands for: scales, disparities, alignment.
