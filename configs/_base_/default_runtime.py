default_scope = 'mmseg'
custom_imports = dict(imports=['mmseg_anomaly'], allow_failed_imports=False)
runner_type = 'AnomalyRunner'

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

vis_backends = [dict(type='LocalVisBackend'),
                dict(type='TensorboardVisBackend')]
visualizer = dict(
    type='AnomalyLocalVisualizer', vis_backends=vis_backends,
    name='visualizer')

tta_model = dict(type='AnomalyTTAModel')

log_processor = dict(by_epoch=False)
log_level = 'INFO'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The oldest is removed before the newest is written: keep at least two.
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=2000,
        max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    strict_checkpoint=dict(type='StrictCheckpointHook'),
    finite=dict(type='FiniteHook'),
    first_look=dict(type='FirstLookHook'),
    seed_iteration=dict(type='SeedIterationHook'),
    output_names=dict(type='OutputNamesHook'),
    visualization=dict(type='AnomalyVisualizationHook'))

load_from = None
resume = False
# With resume: take the weights alone; begin where only broken files remain.
resume_weights_only = False
overwrite = False
# Keys, or their prefix, that a checkpoint may lack, add or shape otherwise.
allow_missing = []
