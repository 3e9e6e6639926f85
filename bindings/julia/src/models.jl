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

const Model = Union{UWMMSE,REGNN}

free_uwmmse(pointer::Ptr{Cvoid}) = @ccall library.pa_uwmmse_free(pointer::Ptr{Cvoid})::Cvoid
free_regnn(pointer::Ptr{Cvoid}) = @ccall library.pa_regnn_free(pointer::Ptr{Cvoid})::Cvoid

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

"Writes a model file; `note` says how it was made."
function save(model::UWMMSE, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_uwmmse_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

function save(model::REGNN, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_regnn_save(model::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

"The model as a policy, which keeps the model alive."
policy(model::UWMMSE) = Policy(Handle(@ccall(library.pa_uwmmse_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))
policy(model::REGNN) = Policy(Handle(@ccall(library.pa_regnn_policy(model::Ptr{Cvoid})::Ptr{Cvoid}); model))

"Number of trained weights."
weight_count(model::UWMMSE) = Int(@ccall library.pa_uwmmse_weight_count(model::Ptr{Cvoid})::Csize_t)
weight_count(model::REGNN) = Int(@ccall library.pa_regnn_weight_count(model::Ptr{Cvoid})::Csize_t)

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

"Sets the trained weights."
function model_weights!(model::UWMMSE, new::Vector{Float64})
    check(@ccall library.pa_uwmmse_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
    return model
end

function model_weights!(model::REGNN, new::Vector{Float64})
    check(@ccall library.pa_regnn_set_weights(model::Ptr{Cvoid}, new::Ptr{Cdouble}, length(new)::Csize_t)::Int32)
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

"""
What powers are drawn from, `(outputs, links, batch)`: probability of transmitting, of each level, or the median power
as a part of the limit.
"""
function probabilities(model::REGNN, states::States)
    outputs = @ccall library.pa_regnn_output_count(model::Ptr{Cvoid})::Csize_t
    found = Array{Float64,3}(undef, Int(outputs), links(states), batch_size(states))
    check(@ccall library.pa_regnn_probabilities(model::Ptr{Cvoid}, states::Ptr{Cvoid}, found::Ptr{Cdouble})::Int32)
    return found
end
