# RoadAnomaly, 60 images. The other sets of this folder state differences.
default_scope = 'mmseg'
custom_imports = dict(imports=['mmseg_anomaly'], allow_failed_imports=False)

test_dataloader = dict(
    batch_size=1,  # images differ in size
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RoadAnomalyDataset',
        data_root='data/RoadAnomaly',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadCheckedAnnotations', num_classes=1),
            dict(type='PackSegInputs')
        ]))
test_evaluator = [dict(type='AnomalyMetric')]
