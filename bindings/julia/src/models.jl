"""
    UWMMSE(; architecture = UWMMSE_EXTENDED, layers = 4, hidden = 5, seed = 0)

Unfolded WMMSE with untrained weights.
"""
struct UWMMSE <: Resource
    handle::Handle
end

"""
    REGNN(; seed = 0, options...)

Random edge graph neural network with untrained weights: `REGNN(layers = 4, output = REGNN_OUTPUT_LEVELS)`.
"""
struct REGNN <: Resource
    handle::Handle
end

"""
    MLP(links; hidden = [200, 80, 80], kind = MLP_POWERS, input = INPUT_LOG, seed = 0)

Fully connected network on the channels of so many links, with untrained weights.
"""
struct MLP <: Resource
    handle::Handle
end

"""
    IGCNet(; rounds = 3, hidden = 16, message = 32, input = INPUT_LOG, seed = 0)

Message passing with a maximum over the neighbours, with untrained weights.
"""
struct IGCNet <: Resource
    handle::Handle
end

const Model = Union{UWMMSE,REGNN,MLP,IGCNet}

free_uwmmse(pointer::Ptr{Cvoid}) = @ccall library.pa_uwmmse_free(pointer::Ptr{Cvoid})::Cvoid
free_regnn(pointer::Ptr{Cvoid}) = @ccall library.pa_regnn_free(pointer::Ptr{Cvoid})::Cvoid

free_mlp(pointer::Ptr{Cvoid}) = @ccall library.pa_mlp_free(pointer::Ptr{Cvoid})::Cvoid
free_igcnet(pointer::Ptr{Cvoid}) = @ccall library.pa_igcnet_free(pointer::Ptr{Cvoid})::Cvoid

function MLP(links::Integer; hidden = [200, 80, 80], kind::Integer = MLP_POWERS, input::Integer = INPUT_LOG,
             seed::Integer = 0)
    units = Csize_t[number for number in hidden]
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_mlp_create(out::Ref{Ptr{Cvoid}}, kind::Int32, links::Csize_t, units::Ptr{Csize_t},
                                       length(units)::Csize_t, input::Int32, seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return MLP(owned(free_mlp, out[]))
end

function IGCNet(; rounds::Integer = 3, hidden::Integer = 16, message::Integer = 32, input::Integer = INPUT_LOG,
                seed::Integer = 0)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_igcnet_create(out::Ref{Ptr{Cvoid}}, rounds::Csize_t, hidden::Csize_t, message::Csize_t,
                                          input::Int32, seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return IGCNet(owned(free_igcnet, out[]))
end

function UWMMSE(; architecture::Integer = UWMMSE_EXTENDED, layers::Integer = 4, hidden::Integer = 5, seed::Integer = 0)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_uwmmse_create(out::Ref{Ptr{Cvoid}}, architecture::Int32, layers::Csize_t, hidden::Csize_t,
                                          seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return UWMMSE(owned(free_uwmmse, out[]))
end

function REGNN(; seed::Integer = 0, options...)
    names = Int32[key(:regnn, name) for name in keys(options)]
    numbers = Float64[number for number in values(values(options))]
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_regnn_create(out::Ref{Ptr{Cvoid}}, names::Ptr{Int32}, numbers::Ptr{Cdouble},
                                         length(names)::Csize_t, seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return REGNN(owned(free_regnn, out[]))
end

"A UWMMSE model from a file."
function load_uwmmse(path::AbstractString)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_uwmmse_load(out::Ref{Ptr{Cvoid}}, path::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return UWMMSE(owned(free_uwmmse, out[]))
end

"A REGNN model from a file."
function load_regnn(path::AbstractString)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_regnn_load(out::Ref{Ptr{Cvoid}}, path::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return REGNN(owned(free_regnn, out[]))
end

"An MLP model from a file."
function load_mlp(path::AbstractString)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_mlp_load(out::Ref{Ptr{Cvoid}}, path::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return MLP(owned(free_mlp, out[]))
end

"An IGCNet model from a file."
function load_igcnet(path::AbstractString)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_igcnet_load(out::Ref{Ptr{Cvoid}}, path::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return IGCNet(owned(free_igcnet, out[]))
end

"Names of the trained models in the library: `load_policy(\"builtin:\" * name)`."
builtin_models() = [unsafe_string(@ccall library.pa_model_builtin_name(index::Csize_t)::Cstring)
                    for index in 0:Int(@ccall library.pa_model_builtin_count()::Csize_t)-1]

"Writes a model file; `note` says how it was made."
function save(model::UWMMSE, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_uwmmse_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

function save(model::REGNN, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_regnn_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

function save(model::MLP, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_mlp_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

function save(model::IGCNet, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_igcnet_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

"The model as a policy, which keeps the model alive."
policy(model::UWMMSE) = Policy(Handle(@ccall(library.pa_uwmmse_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))
policy(model::REGNN) = Policy(Handle(@ccall(library.pa_regnn_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))
policy(model::MLP) = Policy(Handle(@ccall(library.pa_mlp_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))
policy(model::IGCNet) = Policy(Handle(@ccall(library.pa_igcnet_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))

"Number of trained weights."
weight_count(model::UWMMSE) = Int(@ccall library.pa_uwmmse_weight_count(model::Ptr{Cvoid})::Csize_t)
weight_count(model::REGNN) = Int(@ccall library.pa_regnn_weight_count(model::Ptr{Cvoid})::Csize_t)
weight_count(model::MLP) = Int(@ccall library.pa_mlp_weight_count(model::Ptr{Cvoid})::Csize_t)
weight_count(model::IGCNet) = Int(@ccall library.pa_igcnet_weight_count(model::Ptr{Cvoid})::Csize_t)

"The trained weights: a new vector."
function model_weights(model::UWMMSE)
    found = Vector{Float64}(undef, weight_count(model))
    check(@ccall library.pa_uwmmse_get_weights(model::Ptr{Cvoid}, found::Ptr{Cdouble}, length(found)::Csize_t)::Int32)
    return found
end

function model_weights(model::REGNN)
    found = Vector{Float64}(undef, weight_count(model))
    check(@ccall library.pa_regnn_get_weights(model::Ptr{Cvoid}, found::Ptr{Cdouble}, length(found)::Csize_t)::Int32)
    return found
end

function model_weights(model::MLP)
    found = Vector{Float64}(undef, weight_count(model))
    check(@ccall library.pa_mlp_get_weights(model::Ptr{Cvoid}, found::Ptr{Cdouble}, length(found)::Csize_t)::Int32)
    return found
end

function model_weights(model::IGCNet)
    found = Vector{Float64}(undef, weight_count(model))
    check(@ccall library.pa_igcnet_get_weights(model::Ptr{Cvoid}, found::Ptr{Cdouble}, length(found)::Csize_t)::Int32)
    return found
end

"Sets the trained weights."
function model_weights!(model::UWMMSE, new::Vector{Float64})
    check(@ccall library.pa_uwmmse_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end

function model_weights!(model::REGNN, new::Vector{Float64})
    check(@ccall library.pa_regnn_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end

function model_weights!(model::MLP, new::Vector{Float64})
    check(@ccall library.pa_mlp_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end

function model_weights!(model::IGCNet, new::Vector{Float64})
    check(@ccall library.pa_igcnet_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end

"Minus the mean weighted sum-rate in bit/s/Hz, and its gradient in the weights."
function gradient(model::UWMMSE, states::States)
    loss, slope = Ref{Cdouble}(), Vector{Float64}(undef, weight_count(model))
    check(@ccall library.pa_uwmmse_gradient(model::Ptr{Cvoid}, states::Ptr{Cvoid}, loss::Ref{Cdouble},
                                            slope::Ptr{Cdouble}, length(slope)::Csize_t)::Int32)
    return loss[], slope
end

"Value of an option: `value(model, :layers)`."
function value(model::REGNN, name::Symbol)
    found = Ref{Cdouble}()
    number = key(:regnn, name)
    check(@ccall library.pa_regnn_option(model::Ptr{Cvoid}, number::Int32, found::Ref{Cdouble})::Int32)
    return found[]
end

"Weights of the links that it learned under constraints with; empty if there are none."
function model_link_weights(model::REGNN)
    count = @ccall library.pa_regnn_link_weights(model::Ptr{Cvoid}, C_NULL::Ptr{Cdouble})::Csize_t
    found = Vector{Float64}(undef, Int(count))
    @ccall library.pa_regnn_link_weights(model::Ptr{Cvoid}, found::Ptr{Cdouble})::Csize_t
    return found
end

"Sets the weights of the links; empty: none."
function model_link_weights!(model::REGNN, new::Vector{Float64})
    check(@ccall library.pa_regnn_set_link_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end
