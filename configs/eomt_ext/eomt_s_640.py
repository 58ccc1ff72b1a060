_base_ = './eomt_b_640.py'

vit = dict(arch='vit_small_patch14_reg4_dinov2')
model = dict(vit=vit)
