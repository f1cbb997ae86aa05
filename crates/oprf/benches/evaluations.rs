//! What a batch of 1,024 identifiers costs, on one core: blinding and finishing at the node, evaluating at
//! the key server.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be made is a bug")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oprf::{Blinding, ServerKey};
use secret::{Key32, SeededEntropy};

const ELEMENTS: u64 = 1024;

fn evaluations(bench: &mut Criterion) {
    let key = ServerKey::derive(&Key32::from_bytes(&mut [1; 32]), b"bench").unwrap();
    let inputs: Vec<_> = (0..ELEMENTS).map(|number| number.to_le_bytes()).collect();
    let entropy = &mut SeededEntropy::new(1);
    let blinding = Blinding::of(&inputs, entropy).unwrap();
    let evaluation = key.evaluate(blinding.elements(), entropy).unwrap();
    let mut group = bench.benchmark_group("evaluations");
    group.throughput(Throughput::Elements(ELEMENTS));
    group.sample_size(10);
    group.bench_function("blind", |bench| {
        bench.iter(|| Blinding::of(&inputs, entropy).unwrap());
    });
    let entropy = &mut SeededEntropy::new(1);
    group.bench_function("evaluate and prove", |bench| {
        bench.iter(|| key.evaluate(blinding.elements(), entropy).unwrap());
    });
    group.bench_function("check and finish", |bench| {
        bench.iter(|| {
            blinding
                .finish(&inputs, &evaluation, &key.public())
                .unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, evaluations);
criterion_main!(benches);
