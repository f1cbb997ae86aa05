//! The kernels of `bits` against the plainest loops that do the same, in one run: only the ratio of
//! two neighbouring figures means anything.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

/// As many positions as a name has tokens, about.
const POSITIONS: u32 = 18;
const SIGNATURE_BYTES: usize = 32;

fn mixed(number: u32) -> u32 {
    let value = (number + 1).wrapping_mul(0x9e37_79b1);
    (value ^ value >> 15).wrapping_mul(0x85eb_ca6b)
}

/// One bit at a time, each over all elements: what the kernel must beat.
fn plain_minhash(elements: &[u32], signature: &mut [u8]) {
    signature.fill(0);
    for bit in 0..signature.len() * 8 {
        let offset = mixed(bit as u32);
        let smallest = elements.iter().map(|element| mixed(element ^ offset)).min();
        if smallest.is_some_and(|rank| rank >> 16 & 1 == 1) {
            bits::set_bit(signature, bit);
        }
    }
}

fn plain_hamming(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn signatures(criterion: &mut Criterion) {
    let elements: Vec<u32> = (0..POSITIONS).map(mixed).collect();
    let mut group = criterion.benchmark_group("signature of 256 bits");
    let mut signature = [0; SIGNATURE_BYTES];
    group.bench_function("baseline: bit by bit", |bencher| {
        bencher.iter(|| plain_minhash(black_box(&elements), &mut signature));
    });
    group.bench_function("bits::minhash", |bencher| {
        bencher.iter(|| bits::minhash(black_box(&elements), &mut signature));
    });
    group.finish();
}

fn distances(criterion: &mut Criterion) {
    let vector = |seed: u32| -> Vec<u8> {
        (0..SIGNATURE_BYTES as u32)
            .map(|i| mixed(i ^ seed) as u8)
            .collect()
    };
    let (a, b) = (vector(1), vector(2));
    let mut group = criterion.benchmark_group("distance of two signatures");
    group.bench_function("baseline: byte by byte", |bencher| {
        bencher.iter(|| plain_hamming(black_box(&a), black_box(&b)));
    });
    group.bench_function("bits::hamming", |bencher| {
        bencher.iter(|| bits::hamming(black_box(&a), black_box(&b)));
    });
    group.finish();
}

criterion_group!(kernels, signatures, distances);
criterion_main!(kernels);
