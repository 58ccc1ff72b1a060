_base_ = './eomt_b_640_dinov3.py'

vit = dict(arch='vit_small_patch16_dinov3_qkvb')
model = dict(vit=vit)
