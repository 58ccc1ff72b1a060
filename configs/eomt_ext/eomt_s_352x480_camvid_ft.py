# 100 more iterations from the closed-set model: set `load_from`.
_base_ = './eomt_s_352x480_camvid.py'

vit = dict(pretrained=None)
model = dict(vit=vit)
max_iters = 100
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(
        type='TwoStageWarmupPolyLR',
        warmup_iters=(10, 0),
        power=0.9,
        begin=0,
        end=max_iters,
        by_epoch=False)
]
# masked attention stays off
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(0, 0, 0),
        end_iters=(0, 0, 0))
]
load_from = 'work_dirs/eomt_s_352x480_camvid/iter_300.pth'
