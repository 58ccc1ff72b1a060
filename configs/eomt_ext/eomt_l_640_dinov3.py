_base_ = './eomt_b_640_dinov3.py'

vit = dict(arch='vit_large_patch16_dinov3_qkvb', num_joint_blocks=4)
model = dict(vit=vit)
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        # the later ones k / 6 of the iterations, as without DINOv3
        start_iters=(0, 6634, 9951, 13268),
        end_iters=(3000, 9951, 13268, 16585))
]
