# What the datasets share: how samples are taken, flips of test-time
# augmentation, and what is measured. A dataset adds batch size, workers and
# the datasets themselves.
tta_flips = [
    dict(type='RandomFlip', prob=0.),
    dict(type='RandomFlip', prob=1.)
]
train_dataloader = dict(
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader

val_evaluator = [dict(type='SemanticIoUMetric', iou_metrics=['mIoU'])]
test_evaluator = [
    dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
    dict(type='AnomalyMetric')
]
